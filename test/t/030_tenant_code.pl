# A tenant owns its tables: it may put triggers on them and views in their place. The collector, which is connected as a
# superuser, reads and writes them, and none of that code may ever run with more than the tenant's own rights, run on after
# the collector's turn, or keep the collector from serving the others.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $sample_limit = 10;
# A statement of the tenant's that hangs is given up after a time limit of the collector's; until then others may wait.
my $bounded_limit = 60;

my $node = new_cluster('code', conf => "vitals.reload_interval = '200ms'");
ready_database($node, 'app');
foreach my $tenant ('mallory', 'victim')
{
    $node->safe_psql('app', "SELECT vitals.create_tenant('$tenant')");
}

sub as_mallory { return $node->safe_psql('app', "SET SESSION AUTHORIZATION tenant_mallory; $_[0]"); }

as_mallory(<<'SQL');
CREATE TABLE tenant_mallory.loot (what text, as_whom text, session_of text);
CREATE FUNCTION tenant_mallory.attack(what text) RETURNS boolean LANGUAGE plpgsql AS
$$
DECLARE
    attempt text;
BEGIN
    FOREACH attempt IN ARRAY ARRAY['ALTER ROLE tenant_mallory SUPERUSER', 'SET LOCAL ROLE NONE', 'RESET SESSION AUTHORIZATION',
        'CREATE TEMPORARY TABLE pg_temp.pg_class (i integer)', 'LISTEN trap', 'SELECT name FROM tenant_victim.servers'] LOOP
        BEGIN
            EXECUTE attempt;
            what := what || ' SUCCEEDED WITH ' || attempt;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP;
    PERFORM set_config('search_path', 'tenant_mallory', false), set_config('lock_timeout', '0', false);
    INSERT INTO tenant_mallory.loot VALUES (what, current_user, session_user);
    RETURN true;
END
$$;
CREATE FUNCTION tenant_mallory.attack_trigger() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM tenant_mallory.attack(concat_ws(' ', tg_when, tg_op, regexp_replace(tg_table_name, '_p[0-9]+$', ''))); RETURN NEW; END $$;
CREATE TRIGGER attack BEFORE INSERT OR UPDATE ON tenant_mallory.collection_state FOR EACH ROW EXECUTE FUNCTION tenant_mallory.attack_trigger();
CREATE TRIGGER attack AFTER INSERT ON tenant_mallory.server_snapshots FOR EACH ROW EXECUTE FUNCTION tenant_mallory.attack_trigger();
CREATE TRIGGER attack AFTER INSERT ON tenant_mallory.series_sets FOR EACH STATEMENT EXECUTE FUNCTION tenant_mallory.attack_trigger();
CREATE TRIGGER attack BEFORE UPDATE ON tenant_mallory.servers FOR EACH ROW EXECUTE FUNCTION tenant_mallory.attack_trigger();
ALTER TABLE tenant_mallory.latest_collections ADD COLUMN note boolean DEFAULT tenant_mallory.attack('default of latest');
ALTER TABLE tenant_mallory.server_events ADD CHECK (tenant_mallory.attack('check of events'));
ALTER TABLE tenant_mallory.metric_types ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY attack ON tenant_mallory.metric_types USING (tenant_mallory.attack('policy of metric types'));
TRUNCATE tenant_mallory.loot;
ALTER TABLE tenant_mallory.collection_config RENAME TO real_config;
CREATE VIEW tenant_mallory.collection_config AS SELECT * FROM tenant_mallory.real_config WHERE tenant_mallory.attack('view');
SQL
# The view is not one that can be written, so the configuration is.
$node->safe_psql('app', <<'SQL');
INSERT INTO tenant_mallory.servers (name, connector) VALUES ('here', 'local');
INSERT INTO tenant_mallory.real_config (server_id, enabled, metrics_enabled) SELECT id, true, '["*"]' FROM tenant_mallory.servers;
INSERT INTO vitals.trusted_servers (server_id, tenant_key, connector)
SELECT s.id, t.tenant_key, 'local' FROM tenant_mallory.servers AS s, vitals.tenant_registry AS t WHERE t.name = 'mallory';
SQL

within($sample_limit, 'the collector stores for the tenant',
    sub { snapshots_of($node, 'app', 'mallory', 'here') > 0 });
my $collector = collector_pid($node, 'app');
# Of a test's cluster: who runs the test.
my $superuser = getpwuid($<);
my $loot = sub { as_mallory("SELECT DISTINCT what FROM tenant_mallory.loot WHERE session_of = '$superuser' ORDER BY 1"); };
is($loot->(), join("\n", 'AFTER INSERT series_sets', 'AFTER INSERT server_snapshots', 'BEFORE INSERT collection_state', 'BEFORE UPDATE servers',
        'check of events', 'default of latest', 'policy of metric types', 'view'),
    'its triggers and its view ran for the collector, and none of what they tried succeeded');
is(as_mallory('SELECT DISTINCT as_whom FROM tenant_mallory.loot'), 'tenant_mallory', 'they ran as the tenant');
is($node->safe_psql('app', "SELECT rolsuper FROM pg_roles WHERE rolname = 'tenant_mallory'"), 'f', 'who is no superuser');

# ---- code that would run at the commit, when the collector is itself again
as_mallory(<<'SQL');
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON tenant_mallory.collection_state DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION tenant_mallory.attack_trigger();
TRUNCATE tenant_mallory.loot;
SQL
poll_again_here(0);
within($sample_limit, 'a deferred trigger is refused, and said so',
    sub { $node->safe_psql('app', 'SELECT last_error FROM vitals.worker_status') =~ /deferred trigger/ });
is(as_mallory('SELECT count(*) FROM tenant_mallory.loot WHERE what LIKE \'AFTER UPDATE%\''), '0', 'it never ran');
as_mallory('DROP TRIGGER late ON tenant_mallory.collection_state');

# ---- a damaged schema
$node->safe_psql('app', "SET vitals.tenant = 'victim'; SELECT vitals.add_server('v', connector => 'local')");
as_mallory('DROP VIEW tenant_mallory.collection_config');
within($sample_limit, 'a relation that is missing is reported',
    sub { $node->safe_psql('app', 'SELECT last_error FROM vitals.worker_status') =~ /mallory.*does not exist/ });
$node->safe_psql('app', "SET vitals.tenant = 'victim'; SELECT vitals.collection_start('v')");
within($sample_limit, 'another tenant is served', sub { snapshots_of($node, 'app', 'victim', 'v') > 0 });

# ---- code that ends well, but takes its time
as_mallory(<<'SQL');
CREATE FUNCTION tenant_mallory.idle(what text) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO tenant_mallory.loot VALUES (what); PERFORM pg_sleep(1); RETURN true; END $$;
CREATE FUNCTION tenant_mallory.idle_trigger() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM tenant_mallory.idle('slow store'); RETURN NEW; END $$;
CREATE TRIGGER idle AFTER INSERT ON tenant_mallory.server_snapshots FOR EACH ROW EXECUTE FUNCTION tenant_mallory.idle_trigger();
CREATE VIEW tenant_mallory.collection_config AS SELECT * FROM tenant_mallory.real_config;
SQL
my $times = sub { as_mallory("SELECT count(*) FROM tenant_mallory.loot WHERE what = '$_[0]'") };
within(10, 'its schema is read again', sub { $node->safe_psql('app', 'SELECT targets FROM vitals.worker_status') eq '2' });
foreach my $poll (1 .. 2)
{
    my $polls = sub { $node->safe_psql('app', 'SELECT polls FROM vitals.worker_status') };
    my $polls_before = $polls->();
    poll_again_here(1);
    within($sample_limit, 'its server is polled', sub { $polls->() > $polls_before });
    within($sample_limit, 'and the poll stored, slowly', sub { $times->('slow store') > 0 });
}
# The collector is kept for a second by each slow look and each slow store.
poll_again($node, 'app', 'victim', 'v', $sample_limit);
is($times->('slow store'), '1', 'one that is slow to store has to wait for its next turn');
as_mallory('CREATE OR REPLACE VIEW tenant_mallory.collection_config AS SELECT * FROM tenant_mallory.real_config WHERE tenant_mallory.idle(\'slow read\')');
within($sample_limit, 'its schema is read slowly', sub { $times->('slow read') > 0 });
# Each of these takes two looks at the configuration.
poll_again($node, 'app', 'victim', 'v', $sample_limit) foreach (1 .. 2);
is($times->('slow read'), '1', 'and so has one that is slow to read');
as_mallory('DROP VIEW tenant_mallory.collection_config');

# ---- code that never ends, and catches what shall end it, whenever that is tried
as_mallory(<<'SQL');
CREATE FUNCTION tenant_mallory.stays() RETURNS boolean LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM pg_advisory_lock(4711);
    LOOP
        BEGIN
            LOOP
                BEGIN
                    PERFORM pg_sleep(3600);
                EXCEPTION WHEN query_canceled THEN
                    NULL;
                END;
            END LOOP;
        EXCEPTION WHEN query_canceled OR OTHERS THEN
            PERFORM pg_sleep(3600);
        END;
    END LOOP;
END
$$;
CREATE VIEW tenant_mallory.collection_config AS SELECT * FROM tenant_mallory.real_config WHERE tenant_mallory.stays();
SQL
my $advisory = sub { $node->safe_psql('app', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = $collector") };
within($bounded_limit, 'such code runs', sub { $advisory->() > 0 });
within($bounded_limit, 'it is given up and reported',
    sub { $node->safe_psql('app', 'SELECT last_error FROM vitals.worker_status') =~ /mallory.*timeout/ });
is($advisory->(), '0', 'a lock that would outlive the transaction is released');
my $before = snapshots_of($node, 'app', 'victim', 'v');
poll_again($node, 'app', 'victim', 'v');
within($sample_limit, 'the other tenant is served', sub { snapshots_of($node, 'app', 'victim', 'v') > $before });
is(collector_pid($node, 'app'), $collector, 'by the same collector as ever');

$node->stop;
done_testing();

# The tenant's configuration cannot be changed through the functions, since a view is in its place.
sub poll_again_here
{
    my ($others) = @_;
    $node->safe_psql('app', 'UPDATE tenant_mallory.real_config SET enabled = false');
    within($sample_limit, 'its collection is off', sub { $node->safe_psql('app', 'SELECT targets FROM vitals.worker_status') eq $others });
    $node->safe_psql('app', 'UPDATE tenant_mallory.real_config SET enabled = true');
    return;
}
