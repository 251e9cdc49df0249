# A dump carries everything, and what is restored or copied polls nothing until somebody says so.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Catalog;
use LifeCycle;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $paused = 'paused: run vitals.enable()';
my $directory = PostgreSQL::Test::Utils::tempdir();
# Tables of the extension that belong to one database or come with the package.
my $schemas = '^(vitals(_api)?|tenant_.*)$';
my $not_dumped = '^(installation|connectors|metric_catalogue|metric_group_catalogue|wait_type_catalogue|tenant_upgrades|tenant_problems)$';

my $node = new_cluster('source', conf => 'vitals.reload_interval = 500ms');

sub sql { my ($on, $database, $statement) = @_; return $on->safe_psql($database, $statement); }
sub state_of { my ($on, $database) = @_; return sql($on, $database, 'SELECT state FROM vitals.worker_status'); }

sub pauses
{
    my ($on, $database, $reason) = @_;
    within(3, "$database is paused", sub { state_of($on, $database) eq $paused });
    is(sql($on, $database, 'SELECT reason FROM vitals.installation_status'), $reason, 'and says why');
    is(sql($on, $database, 'SELECT count(*) FROM vitals.probers'), '0', 'nothing is polled');
    return;
}

sub resumes
{
    my ($on, $database) = @_;
    sql($on, $database, 'SELECT vitals.enable()');
    within(2, "collector serves $database after vitals.enable()", sub { collector_serves($on, $database) });
    is(sql($on, $database, 'SELECT paused, reason IS NULL FROM vitals.installation_status'), 'f|t', 'and nothing waits');
    return;
}

sub error_of { my ($on, $server) = @_; return "SELECT last_error FROM vitals.collection_status WHERE server = '$server'"; }

sub snapshots { my ($on, $database) = @_; return sql($on, $database, 'SELECT count(*) FROM tenant_acme.server_snapshots'); }

sub restores
{
    my ($on, $file, $database, @options) = @_;
    $on->command_ok([ 'pg_restore', '--exit-on-error', @options, '-d', $on->connstr($database), $file ], "pg_restore into $database");
    return;
}

# -- what there is to lose
sql($node, 'postgres', 'CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE carol LOGIN; CREATE ROLE dave; CREATE ROLE web_login LOGIN NOINHERIT; CREATE ROLE web_anon');
ready_database($node, 'app');
ready_tenant($node, 'app', 'acme');
ready_tenant($node, 'app', 'umbra');
sql($node, 'app', <<'SQL');
GRANT tenant_acme TO alice;
GRANT USAGE ON SCHEMA tenant_acme TO bob;
GRANT SELECT ON tenant_acme.servers TO bob;
GRANT USAGE ON SCHEMA vitals TO bob;
GRANT EXECUTE ON FUNCTION vitals.version() TO bob;
SELECT vitals.grant_tenant('acme', 'carol', access => 'read');
SELECT vitals.classify_wait('CXCONSUMER', ignored => false), vitals.classify_wait('OLEDB', 'Linked servers');
SET vitals.tenant = 'acme';
SELECT vitals.add_metric_group('orders', 'SELECT COUNT(*) AS orders_open FROM Shop.dbo.Orders', '["orders_open"]');
RESET vitals.tenant;
SELECT vitals.grant_tenant('acme', 'dave', access => 'read');
SELECT vitals.setup_rest('web_login', 'web_anon');
DROP OWNED BY dave;
SQL
sql($node, 'postgres', 'DROP ROLE dave');
polled_server($node, 'app', 'acme', 'nobody');
sql($node, 'app', "SET vitals.tenant = 'acme'; SELECT vitals.add_server('here', connector => 'local', metrics => '{*}'); SELECT vitals.collection_start('here')");
within(10, 'values and an error are stored',
    sub { sql($node, 'app', "SET vitals.tenant = 'acme'; SELECT count(*) FROM vitals.collection_status WHERE status IN ('online', 'degraded') OR last_error LIKE 'nothing listens%'") == 2 });

# -- switched off: a database at rest
sql($node, 'app', 'SELECT vitals.disable()');
pauses($node, 'app', 'It was switched off with vitals.disable().');
my $objects = objects_of($node, 'app', $schemas, initial_rights => 1);
my $contents = contents_of($node, 'app', $schemas, $not_dumped);
# A role that is gone is a number, which may be another role where it is restored: it is not dumped.
my $role_gone = qr/^vitals\.tenant_readers .*"role": "\d+"/;
is(scalar(grep { /$role_gone/ } @{$contents}), 1, 'a role that could read is gone');
$contents = [ grep { !/$role_gone/ } @{$contents} ];
foreach my $table ('vitals.tenant_registry', 'vitals.trusted_servers', 'vitals.tenant_readers', 'vitals.rest_setup', 'vitals.wait_type_choices', 'tenant_acme.metric_groups', 'tenant_acme.servers', 'tenant_acme.credentials', 'tenant_acme.server_snapshots_p')
{
    isnt(scalar(grep { /^\Q$table\E/ } @{$contents}), 0, "$table has rows to lose");
}
my $snapshots = snapshots($node, 'app');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$directory/app.dump", $node->connstr('app') ], 'pg_dump');
$node->command_ok([ 'pg_dump', '-Fc', '-n', 'tenant_acme', '-f', "$directory/acme.dump", $node->connstr('app') ], 'pg_dump of one schema');
my $acme_contents = contents_of($node, 'app', '^tenant_acme$', '^$');
my $acme_objects = objects_of($node, 'app', '^tenant_acme$');
my $acme_id = sql($node, 'app', "SELECT id FROM vitals.tenant_registry WHERE name = 'acme'");

# -- into a new database of the same cluster
my $offset = log_size($node);
sql($node, 'postgres', 'CREATE DATABASE restored');
restores($node, "$directory/app.dump", 'restored');
same_lines(objects_of($node, 'restored', $schemas, initial_rights => 1), $objects, 'restored objects, owners, rights and sequences are those of the original');
same_lines(contents_of($node, 'restored', $schemas, $not_dumped), $contents, 'so are the rows');
pauses($node, 'restored', 'The tenants of this database were restored from a dump.');
is(snapshots($node, 'restored'), $snapshots, 'no poll was stored');
is(count_in_log($node, 'LOG:  pg_vitals collects nothing in this database', $offset), 1, 'one line in the log');
like(slurp_file($node->logfile, $offset), qr/HINT:  Run SELECT vitals\.enable\(\) in it/, 'which says what to do');
is(sql($node, 'restored', "SET vitals.tenant = 'acme'; SELECT DISTINCT state FROM vitals.collection_status"), 'paused', 'as the status of the servers says');
foreach my $call ("vitals.collection_start('nobody')", "vitals.test_connection('nobody')")
{
    my ($code, $out, $err) = $node->psql('restored', "SET vitals.tenant = 'acme'; SELECT * FROM $call",
        extra_params => [ '-U', 'alice', '-v', 'VERBOSITY=verbose' ]);
    like($err, qr/ERROR:  PT503: nothing is collected in this database\n.*HINT:  A superuser runs SELECT vitals\.enable\(\)/s, "$call says so");
}
{
    my ($code, $out, $err) = $node->psql('restored', 'SELECT vitals.start_collector()');
    is($out, 'f', 'start_collector() starts nothing');
    like($err, qr/DETAIL:  Its state is "\Q$paused\E"/, 'and says why');
    foreach my $function ('enable()', 'disable()', "attach_tenant('acme')", "upgrade_tenant('acme')", "run_as('tenant_acme', '{SELECT 1}')")
    {
        like(($node->psql('restored', "SELECT vitals.$function", extra_params => [ '-U', 'alice' ]))[2], qr/permission denied for function/, "$function is not for tenants");
    }
}

# -- over a restart and for longer than an interval at which tables are read
$node->restart;
pauses($node, 'restored', 'The tenants of this database were restored from a dump.');
within(2, 'the other database, too', sub { state_of($node, 'app') eq $paused });

resumes($node, 'restored');
within(10, 'it polls', sub { snapshots($node, 'restored') > $snapshots });
within(5, 'with the password that came with the dump', sub { sql($node, 'restored', "SET vitals.tenant = 'acme';" . error_of($node, 'nobody')) =~ /nothing listens on 127\.0\.0\.1 port 1/ });
is(state_of($node, 'app'), $paused, 'the original was not meant');
is(sql($node, 'restored', "SELECT vitals.create_tenant('later'); SELECT tenant_key = (SELECT count(*) FROM vitals.tenant_registry) FROM vitals.tenant_registry WHERE name = 'later'"), "tenant_later\nt", 'a further tenant gets the next number');
sql($node, 'restored', "SET vitals.tenant = 'acme'; SELECT vitals.add_server('further', host => 'h')");
is(sql($node, 'restored', 'SELECT vitals.enable(); SELECT count(DISTINCT installation) FROM vitals.tenant_registry'), "\n1", 'vitals.enable() does no harm where nothing waits');

# -- over what is there, in the same database
# A collector that polls meanwhile may find half of the tables, and say so.
sql($node, 'restored', 'SELECT vitals.disable()');
pauses($node, 'restored', 'It was switched off with vitals.disable().');
restores($node, "$directory/app.dump", 'restored', '--clean', '--if-exists');
pauses($node, 'restored', 'The tenants of this database were restored from a dump.');
same_lines([ grep { !/tenant_later/ } @{ contents_of($node, 'restored', $schemas, $not_dumped) } ], $contents, 'rows are those of the dump');
resumes($node, 'restored');

resumes($node, 'app');

# -- a copy by CREATE DATABASE … TEMPLATE, also of a copy that is paused
sql($node, 'postgres', 'CREATE DATABASE copied TEMPLATE app');
pauses($node, 'copied', 'This database was made as a copy of another one.');
sql($node, 'postgres', 'CREATE DATABASE copied_again TEMPLATE copied');
pauses($node, 'copied_again', 'This database was made as a copy of another one.');
within(2, 'the original is served', sub { collector_serves($node, 'app') });
resumes($node, 'copied_again');
# Roles are the cluster's: what ends in a copy must go on in the original.
sql($node, 'copied_again', "SELECT vitals.drop_tenant('acme', drop_data => true)");
is(sql($node, 'app', "SELECT pg_has_role('web_login', 'tenant_acme', 'MEMBER')"), 't', 'a tenant that is dropped in a copy keeps its REST in the original');
sql($node, 'copied', 'SELECT vitals.remove_rest()');
is(sql($node, 'app', "SELECT pg_has_role('web_login', 'tenant_acme', 'MEMBER') AND pg_has_role('web_login', 'web_anon', 'MEMBER')"), 't', 'so it does when the copy takes REST back');
sql($node, 'postgres', 'DROP DATABASE copied; ALTER DATABASE copied_again RENAME TO copied');
within(2, 'a renamed database is served', sub { collector_serves($node, 'copied') });

# -- into another cluster, where the roles are but not the key
my $other = new_cluster('other', conf => 'vitals.reload_interval = 500ms');
$node->command_ok([ 'pg_dumpall', '--roles-only', '-f', "$directory/roles.sql", '-d', $node->connstr('postgres') ], 'pg_dumpall --roles-only');
# The user that both clusters have.
my $superuser = getpwuid($<);
my $roles = slurp_file("$directory/roles.sql") =~ s/^CREATE ROLE "?\Q$superuser\E"?;$//mr;
sql($other, 'postgres', $roles);
sql($other, 'postgres', 'CREATE DATABASE app');
restores($other, "$directory/app.dump", 'app', '-j', '2');
same_lines(objects_of($other, 'app', $schemas, initial_rights => 1), $objects, 'restored objects of the other cluster are those of the original');
same_lines(contents_of($other, 'app', $schemas, $not_dumped), $contents, 'so are the rows');
is(sql($other, 'app', "SELECT pg_has_role('alice', 'tenant_acme', 'MEMBER'), has_table_privilege('bob', 'tenant_acme.servers', 'SELECT')"), 't|t', 'and who may use them');
is($other->safe_psql('app', 'SELECT name, access FROM vitals.tenants; SELECT count(*) FROM tenant_acme.servers', extra_params => [ '-U', 'carol' ]), "acme|read\n2", 'a reader of the tenant reads it there');
is($other->safe_psql('app', 'SET ROLE tenant_acme; SELECT count(*) FROM vitals_api.servers', extra_params => [ '-U', 'web_login' ]), '2', 'and PostgREST may read for it');
pauses($other, 'app', 'The tenants of this database were restored from a dump.');
resumes($other, 'app');
is(sql($other, 'app', "SELECT vitals.create_tenant('fresh'); SELECT pg_has_role('web_login', 'tenant_fresh', 'MEMBER')"), "tenant_fresh\nt", 'also for tenants that are made there');
my $about = "SET vitals.tenant = 'acme';";
within(5, 'a password of another cluster cannot be opened, and the server says so',
    sub { sql($other, 'app', "$about SELECT error_class, last_error FROM vitals.collection_status WHERE server = 'nobody'") =~ /^configuration\|the stored password cannot be opened/ });
within(5, 'the others are polled', sub { sql($other, 'app', "$about SELECT error_class IS NULL AND status <> 'offline' FROM vitals.collection_status WHERE server = 'here'") eq 't' });
sql($other, 'app', "$about SELECT vitals.set_credential('nobody', 'u', 'p')");
within(5, 'a password that is set again can be', sub { sql($other, 'app', $about . error_of($other, 'nobody')) =~ /nothing listens/ });

# -- one tenant, into a database that has others
sql($other, 'postgres', 'CREATE DATABASE shared');
sql($other, 'shared', "CREATE EXTENSION pg_vitals; CREATE ROLE tenant_own; SELECT vitals.create_tenant('own', owner => 'tenant_own')");
within(2, 'the other database has a collector', sub { collector_serves($other, 'shared') });

sub refused
{
    my ($database, $call, $pattern, $what) = @_;
    like(($other->psql($database, "SELECT vitals.$call"))[2], $pattern, $what);
    return;
}

refused('shared', "attach_tenant('acme')", qr/schema does not exist/, 'there must be a schema');
restores($other, "$directory/acme.dump", 'shared');
is(sql($other, 'shared', 'SELECT name FROM vitals.tenants'), 'own', 'a restored schema is no tenant by itself');
sql($other, 'shared', 'CREATE SCHEMA tenant_empty; CREATE SCHEMA tenant_forged AUTHORIZATION tenant_own; CREATE TABLE tenant_forged.servers ()');
sql($other, 'shared', "COMMENT ON SCHEMA tenant_forged IS 'Tenant of pg_vitals, version 0.1.0'");
refused('shared', "attach_tenant('empty')", qr/schema is not a tenant's.*Its comment does not say so/s, 'a schema of something else is refused');
refused('shared', "attach_tenant('forged')", qr/schema is not a tenant's.*no table "collection_config" of its owner's/s, 'so is one that only says so');
refused('shared', "attach_tenant(NULL)", qr/schema does not exist/, 'and NULL');
refused('shared', "attach_tenant('own')", qr/tenant already exists/, 'and one that is attached');
is(sql($other, 'shared', "SELECT vitals.attach_tenant('acme', '$acme_id')"), 'tenant_acme', 'that of a tenant is attached');
same_lines(objects_of($other, 'shared', '^tenant_acme$'), $acme_objects, 'its objects are those of the original');
is(sql($other, 'shared', "SELECT t.role, t.version = vitals.version(), t.id = '$acme_id' FROM vitals.tenant_registry AS t WHERE name = 'acme'"), 'tenant_acme|t|t', 'the registry has its role, version and id');
my %rows = map { $_ => 1 } @{ contents_of($other, 'shared', '^tenant_acme$', '^$') };
is_deeply([ grep { /snapshots_p|tenant_acme\.(credentials|metric_types)/ && !$rows{$_} } @{$acme_contents} ], [], 'what was collected is there');
within(10, 'its servers are polled', sub { snapshots($other, 'shared') > $snapshots });
within(5, 'with the right key its passwords could be opened: the id is that of the dump',
    sub { sql($other, 'shared', $about . error_of($other, 'nobody')) =~ /cannot be opened/ });

# -- with the key of the first cluster
$other->stop;
my $key = $other->data_dir . '/pg_vitals.key';
unlink $key;
append_to_file($key, slurp_file($node->data_dir . '/pg_vitals.key'));
chmod 0600, $key or die "chmod: $!";
$other->start;
within(5, 'passwords can be opened with the key of the cluster they come from',
    sub { sql($other, 'shared', $about . error_of($other, 'nobody')) =~ /nothing listens/ });

# -- what DROP EXTENSION left behind
sql($other, 'shared', 'DROP EXTENSION pg_vitals; CREATE EXTENSION pg_vitals');
is(sql($other, 'shared', "SELECT vitals.attach_tenant('acme'), vitals.attach_tenant('own')"), 'tenant_acme|tenant_own', 'schemas that DROP EXTENSION left behind are attached');
same_lines(objects_of($other, 'shared', '^tenant_acme$'), $acme_objects, 'and are what they were');
within(5, 'bound to another id, passwords cannot be opened', sub { sql($other, 'shared', $about . error_of($other, 'nobody')) =~ /cannot be opened/ });

foreach my $cluster ($node, $other)
{
    is(count_in_log($cluster, 'has a problem|was terminated by signal|PANIC'), 0, 'no collector or tenant had a problem in ' . $cluster->name);
    $cluster->stop;
}
done_testing();
