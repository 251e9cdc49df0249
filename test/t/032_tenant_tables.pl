# A tenant owns its tables and can put into them, and in place of them, what no function of the extension would write. The
# collector bounds what it reads there, says what it left out, and goes on. The prober is fleet_prober.pl.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $limit = 10;
# What failed is tried again after five seconds.
my $retry_limit = 20;
# A tenant that takes long to read waits for twenty times that.
my $slow_limit = 60;

my $tree = server_tree_with_prober("$FindBin::RealBin/../perl/fleet_prober.pl");
my $node = new_cluster('tables', install_path => $tree, conf => "vitals.collection_timeout = '60s'\nvitals.reload_interval = '1h'\nvitals.shutdown_grace = '2s'");
my $collector = ready_database($node, 'app');

sub sql { return $node->safe_psql('app', "SET vitals.tenant = 'acme'; $_[0]"); }
sub as_owner { return sql("SET ROLE tenant_acme; $_[0]; RESET ROLE; SELECT vitals.notify_collector()"); }
sub problem { return sql("SELECT problem FROM vitals.tenants WHERE name = 'acme'"); }
sub collect_now
{
    my ($server) = @_;
    my ($code, $out, $err) = $node->psql('app', "SET vitals.tenant = 'acme'; SELECT status FROM vitals.collect_now('$server')");
    return $code == 0 ? $out : $err;
}
sub same_collector { is(collector_pid($node, 'app'), $collector, "the collector is the same after $_[0]"); return; }

# -- tables that could never be read
sql(<<'SQL');
BEGIN;
SELECT vitals.create_tenant('acme');
SELECT vitals.add_server('good', host => 'good');
SET LOCAL ROLE tenant_acme;
ALTER TABLE tenant_acme.settings RENAME TO real_settings;
CREATE VIEW tenant_acme.settings AS SELECT * FROM tenant_acme.real_settings WHERE 1 / (retention_days - retention_days) = 1;
COMMIT;
SQL
within($limit, 'tables that cannot be read are a problem', sub { problem() =~ /could not read the servers: division by zero/ });
# Until the next look at the tables, which is an hour away.
my $answer;
within($retry_limit, 'a poll is asked for', sub { ($answer = collect_now('good')) !~ /servers cannot be read/ });
unlike($answer, qr/closed the connection/, 'it is answered');
same_collector('a poll before the tables could be read');
as_owner('DROP VIEW tenant_acme.settings; ALTER TABLE tenant_acme.real_settings RENAME TO settings');
within($retry_limit, 'once they can be read there is no problem', sub {
    sql('SELECT vitals.notify_collector()'); collect_now('good') eq 'online' && problem() eq '' });

# -- numbers that no schedule can work with
$node->safe_psql('app', "SELECT vitals.create_tenant('other')");
add_polled_server($node, 'app', 'other', 'witness', host => "'good'");
as_owner('ALTER TABLE tenant_acme.collection_config DROP CONSTRAINT collection_config_interval_seconds_check');
sql("SELECT vitals.collection_start('good')");
within($limit, 'two servers are collected', sub { sql('SELECT targets FROM vitals.worker_status') eq '2' });
foreach my $interval (0, -60, -2147483648, 2147483647)
{
    as_owner("UPDATE tenant_acme.collection_config SET interval_seconds = $interval");
    poll_again($node, 'app', 'other', 'witness');
    same_collector("an interval of $interval seconds");
}
as_owner('UPDATE tenant_acme.collection_config SET interval_seconds = 60');
sql("SELECT vitals.add_server('refused', host => 'refused')");
like(collect_now('refused'), qr/^offline/, 'a server is down');
as_owner('UPDATE tenant_acme.collection_state SET consecutive_failures = 2147483647');
is(collect_now('refused'), 'offline', 'and stays so');
is(sql("SELECT consecutive_failures FROM vitals.collection_status WHERE server = 'refused'"), '1000001', 'failures are counted to a million');
same_collector('a count that is full');

# -- a tenant that is slow to read waits, but a change that comes meanwhile does not wait for the next look at all tenants
as_owner(q{ALTER TABLE tenant_acme.settings RENAME TO real_settings;
    CREATE VIEW tenant_acme.settings AS SELECT * FROM tenant_acme.real_settings WHERE pg_sleep(0.5)::text = '';
    UPDATE tenant_acme.collection_config AS c SET enabled = true FROM tenant_acme.servers AS s WHERE s.id = c.server_id AND s.name = 'refused'});
within($limit, 'it is read, slowly', sub { sql('SELECT targets FROM vitals.worker_status') eq '3' });
as_owner(q{DROP VIEW tenant_acme.settings; ALTER TABLE tenant_acme.real_settings RENAME TO settings;
    UPDATE tenant_acme.collection_config AS c SET enabled = false FROM tenant_acme.servers AS s WHERE s.id = c.server_id AND s.name = 'refused'});
is(sql('SELECT targets FROM vitals.worker_status'), '3', 'the change has to wait');
within($retry_limit, 'it is seen once the wait is over', sub { sql('SELECT targets FROM vitals.worker_status') eq '2' });

# -- metric groups
sql("SELECT vitals.add_metric_group('mine', 'SELECT 1 AS mine_a', '[\"mine_a\"]')");
as_owner('ALTER TABLE tenant_acme.metric_groups RENAME TO real_groups');
within($limit, 'groups that cannot be read are a problem', sub { problem() =~ /could not read its metric groups/ });
as_owner('ALTER TABLE tenant_acme.real_groups RENAME TO metric_groups');
within($limit, 'until they can', sub { problem() eq '' });
is(collect_now('good'), 'online', 'its servers are polled');
my $prober = prober_pid($node, 'app', 'acme');
as_owner(q{INSERT INTO tenant_acme.metric_groups (name, connector, definition)
    SELECT 'big' || n, 'mssql', g.definition || jsonb_build_object('name', 'big' || n, 'variants',
           (SELECT jsonb_agg(jsonb_build_object('min_version', 20 - v, 'sql', 'SELECT 1 AS mine_a --' || repeat('x', 30000))) FROM generate_series(1, 4) AS v))
    FROM tenant_acme.metric_groups AS g, generate_series(1, 40) AS n WHERE g.name = 'mine'});
within($slow_limit, 'more than a prober is told of is left out', sub { problem() =~ /too long together/ });
like(problem(), qr/^metric group "big\d+" is left out: the tenant's groups are too long together/, 'and the problem names it');
within($limit, 'the servers are polled', sub { collect_now('good') eq 'online' });
is(prober_pid($node, 'app', 'acme'), $prober, 'by the same prober');
sql("SELECT vitals.add_server('deaf', host => 'deaf'), vitals.collection_start('deaf')");
within($limit, 'it is given a job that it stops at', sub { sql('SELECT in_flight FROM vitals.worker_status') > 0 });
my $length = 29000;
within($slow_limit, 'once it takes no more it is ended', sub {
    ++$length;
    as_owner(qq{UPDATE tenant_acme.metric_groups AS g SET definition = jsonb_set(g.definition, '{variants,0,sql}',
        to_jsonb('SELECT 1 AS mine_a --' || repeat('x', $length))) WHERE g.name LIKE 'big%'});
    sql("SELECT last_exit FROM vitals.probers WHERE tenant = 'acme'") =~ /does not read/ });
within($limit, 'and its poll is done by the next', sub { status_of($node, 'app', 'acme', 'deaf') eq 'online|' });
sql("SELECT vitals.remove_server('deaf')");
as_owner(q{DELETE FROM tenant_acme.metric_groups WHERE name LIKE 'big%'; UPDATE tenant_acme.metric_groups SET connector = repeat('ä', 100)});
within($slow_limit, 'so is the group of a connector with a name that is too long', sub { problem() =~ /the name of its connector is too long/ });
within($limit, 'and the servers are polled', sub { collect_now('good') eq 'online' });
as_owner('DELETE FROM tenant_acme.metric_groups');
within($limit, 'without it there is no problem', sub { problem() eq '' });

# -- a group of the extension that is in no order costs the others nothing
my $offset = -s $node->logfile;
sql("UPDATE vitals.metric_group_catalogue SET permission = repeat('x', 200) WHERE name = 'waits'; SELECT vitals.notify_collector()");
within($limit, 'a bad group of the extension is left out', sub { count_in_log($node, qr/metric group "waits" is left out/, $offset) });
within($limit, 'the others are collected', sub { collect_now('good') eq 'online' });
sql("UPDATE vitals.metric_group_catalogue SET permission = NULL WHERE name = 'waits'; SELECT vitals.notify_collector()");
within($limit, 'until it is in order', sub { count_in_log($node, qr/definitions of metric groups are in order again/, $offset) });
is(count_in_log($node, qr/metric group "waits" is left out/, $offset), 1, 'said once');

# -- samples that cannot be stored
as_owner(<<'SQL');
CREATE FUNCTION tenant_acme.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$
DECLARE
    server text := (SELECT name FROM tenant_acme.servers WHERE id = NEW.server_id);
BEGIN
    IF server = 'poison' THEN RAISE EXCEPTION 'poison' USING ERRCODE = 'ZZ001'; END IF;
    IF server = 'picky' THEN RAISE EXCEPTION 'not this one'; END IF;
    IF server = 'slow' THEN PERFORM pg_sleep(60); END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refuse BEFORE INSERT ON tenant_acme.server_snapshots FOR EACH ROW EXECUTE FUNCTION tenant_acme.refuse()
SQL
sql("SELECT vitals.add_server('poison', host => 'good'), vitals.add_server('picky', host => 'good')");
like(collect_now('picky'), qr/the tenant's tables refused the result: not this one/, 'who waits for what is refused hears of it');
is(collect_now('good'), 'online', 'others are stored');
within($limit, 'it is counted', sub { sql('SELECT samples_rejected, samples_dropped FROM vitals.worker_status') eq '1|0' });
like(collect_now('poison'), qr/could not be stored yet/, 'who waits for what cannot be stored hears of that');
within($retry_limit, 'it is dropped', sub { sql('SELECT samples_dropped FROM vitals.worker_status') eq '1' });
is(count_in_log($node, qr/a sample of tenant "acme" is dropped/, $offset), 1, 'and that is logged');
within($retry_limit, 'what comes after it is stored', sub { collect_now('good') eq 'online' && problem() eq '' });
same_collector('all of this');

# -- the end has one limit, also for what cannot be stored in time
sql("SELECT vitals.add_server('slow', host => 'slow-1500')");
$node->psql('app', "SET vitals.tenant = 'acme'; SELECT vitals.collection_start('slow')");
within($limit, 'its poll is in flight', sub { sql('SELECT in_flight FROM vitals.worker_status') > 0 });
$offset = -s $node->logfile;
takes_less_than(5, 'pg_ctl stop waits for the grace time', sub { $node->stop('fast') });
is(count_in_log($node, qr/the collector ends and loses 1 samples/, $offset), 1, 'what could not be stored is counted');

done_testing();
