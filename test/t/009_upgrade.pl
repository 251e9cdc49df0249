# An upgrade of PostgreSQL sees nothing of ours at work and carries everything over; between the upgrade of the package and
# that of the extension in a database nothing is collected in it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use LifeCycle;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $start_limit = 2;

# ---- module and extension of different versions
my $node = new_cluster('versions', conf => 'vitals.reload_interval = 500ms');
# Within the reload interval, in which a collector that waits looks at the version again.
my $recovery_limit = 1;
my $pid = ready_database($node, 'app');
ready_tenant($node, 'app', 'acme');
my $version = $node->safe_psql('app', 'SELECT vitals.version()');
is($node->safe_psql('app', 'SELECT extension_version FROM vitals.worker_status'), $version, 'module and extension agree');

sub set_version { return $node->safe_psql('app', "UPDATE pg_extension SET extversion = '$_[0]' WHERE extname = 'pg_vitals'"); }
sub state_is { my ($state) = @_; return $node->safe_psql('app', 'SELECT state FROM vitals.worker_status') eq $state; }

my $mismatch = qr/WARNING:  pg_vitals module and extension differ in version, nothing is collected/;
my $offset = log_size($node);
set_version('99.0');
my ($code, $out, $err) = $node->psql('app', 'SELECT vitals.start_collector()');
is($out, 'f', 'collector does not serve an extension of another version');
like($err, qr/DETAIL:  Its state is "version mismatch"\./, 'and start_collector() says why');
is($node->safe_psql('app', 'SELECT extension_version, pid FROM vitals.worker_status'), "99.0|$pid", 'status has the version, and the same process waits');
is($node->safe_psql('app', 'SELECT vitals.collector_running()'), 'f', 'the collector is not said to run');
is($node->safe_psql('app', 'SELECT tenants IS NULL FROM vitals.worker_status'), 't', 'nor are there figures');

# What would have been collected: a server that is due at once.
$node->safe_psql('app', "SELECT vitals.add_server('nobody', host => '127.0.0.1', port => 1); SELECT vitals.collection_start('nobody')");
my $looks = 'SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_sys_tables WHERE relname = \'pg_extension\'';
my $looked = $node->safe_psql('app', $looks);
within(5, 'it looks at the version again and again', sub { $node->safe_psql('app', $looks) > $looked + 2 });
is($node->safe_psql('app', 'SELECT count(*) FROM vitals.probers'), '0', 'nothing is polled');
is($node->safe_psql('app', 'SELECT status, state FROM vitals.collection_status'), 'unknown|no collector', 'as the status of the server says');
is(count_in_log($node, $mismatch, $offset), 1, 'one line in the log for all looks');
like(slurp_file($node->logfile, $offset), qr/DETAIL:  The loaded module is version \Q$version\E, the extension in this database is version 99\.0\.\n.*HINT:  Run ALTER EXTENSION pg_vitals UPDATE/, 'it names both and what to do');

set_version('98.0');
within($recovery_limit, 'another wrong version is noticed', sub { $node->safe_psql('app', 'SELECT extension_version FROM vitals.worker_status') eq '98.0' });
is(count_in_log($node, $mismatch, $offset), 2, 'and is one more line');

# -- over a restart
$node->restart;
within($start_limit, 'version mismatch is found at start, too', sub { state_is('version mismatch') });
$pid = collector_pid($node, 'app');

# -- a right version is served again
set_version($version);
within($recovery_limit, 'collector serves when the versions agree again', sub { collector_serves($node, 'app') });
is(collector_pid($node, 'app'), $pid, 'the same process');
within(2, 'and polls what is due', sub { $node->safe_psql('app', 'SELECT status FROM vitals.collection_status') eq 'offline' });
is($node->safe_psql('app', 'SELECT restarts FROM vitals.worker_status'), '0', 'none of this was a failure');
set_version('97.0');
$node->psql('app', 'SELECT vitals.start_collector()');
takes_less_than(2, 'DROP DATABASE with a collector that waits for its version', sub { $node->safe_psql('postgres', 'DROP DATABASE app') });
$node->stop;

# ---- the mode in which pg_upgrade starts servers
my $old = new_cluster('old');
ready_database($old, 'app');
ready_tenant($old, 'app', 'acme');
polled_server($old, 'app', 'acme', 'nobody');
within(5, 'a poll is stored', sub { $old->safe_psql('app', 'SELECT status FROM vitals.collection_status') ne 'unknown' });
$old->safe_psql('app', 'GRANT tenant_acme TO CURRENT_USER');
$old->stop;
$offset = log_size($old);
command_ok([ 'pg_ctl', '-w', '-D', $old->data_dir, '-l', $old->logfile, '-o', '-b', 'start' ], 'server starts in binary upgrade mode');
is($old->safe_psql('app', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_vitals%'"), '0', 'nothing of ours runs');
my @pids = descendants(postmaster_pid($old));
unlike(join(' ', map { -r "/proc/$_/cmdline" ? slurp_file("/proc/$_/cmdline") : '' } @pids), qr/vitals/, 'nor below the server');
is($old->safe_psql('app', "SELECT count(*) FROM pg_settings WHERE name LIKE 'vitals.%'"), '0', 'no setting of ours is there');
is($old->safe_psql('app', "LOAD 'pg_vitals'; SELECT vitals.version()"), $version, 'the library can be loaded, as pg_upgrade does');
like(($old->psql('app', 'SELECT vitals.start_collector()'))[2], qr/was not loaded at server start/, 'and starts nothing');
command_ok([ 'pg_ctl', '-w', '-D', $old->data_dir, 'stop' ], 'it stops');

# ---- pg_upgrade
my $contents = <<'SQL';
SELECT 'tenant', tenant_key, id, name, schema_name, role, status FROM vitals.tenant_registry ORDER BY 2;
SELECT 'server', id, name, connector, host, port, options, credential_id FROM tenant_acme.servers ORDER BY 2;
SELECT 'credential', id, username, sealed_password FROM tenant_acme.credentials ORDER BY 2;
SELECT 'config', * FROM tenant_acme.collection_config ORDER BY 2;
SELECT 'metric', * FROM tenant_acme.metric_types ORDER BY 2;
SELECT 'event', * FROM tenant_acme.server_events ORDER BY 2;
SELECT 'snapshot', collected_at, server_id, status, tableoid::regclass FROM tenant_acme.server_snapshots ORDER BY 2;
SELECT 'partition', inhrelid::regclass, pg_get_expr(relpartbound, inhrelid) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'tenant_acme.server_snapshots'::regclass ORDER BY inhrelid::regclass::text;
SELECT 'member', pg_describe_object(classid, objid, objsubid) FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' ORDER BY 2;
SELECT 'owner', c.oid::regclass, c.relkind, pg_get_userbyid(c.relowner),
    coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)) FROM pg_class AS c
    WHERE c.relnamespace IN ('vitals'::regnamespace, 'tenant_acme'::regnamespace) ORDER BY c.oid::regclass::text;
SELECT 'right', p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner)) FROM pg_proc AS p WHERE p.pronamespace = 'vitals'::regnamespace ORDER BY p.oid::regprocedure::text;
SELECT 'dumped', c.oid::regclass FROM pg_extension, unnest(extconfig) AS c ORDER BY 2;
SELECT 'sequence', sequencename, last_value FROM pg_sequences WHERE schemaname IN ('vitals', 'tenant_acme') ORDER BY 2;
SELECT 'version', extversion FROM pg_extension WHERE extname = 'pg_vitals';
SQL

# Without its collector, so that nothing changes between the look and the upgrade.
$old->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$old->start;
my $before = $old->safe_psql('app', $contents);
$old->stop;
$old->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_vitals'");

my $new = new_cluster('new', start => 0);
my $bin = $new->config_data('--bindir');
chdir PostgreSQL::Test::Utils::tempdir() or die "chdir: $!";
command_ok(
    [ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin,
      '-s', $new->host, '-p', $old->port, '-P', $new->port ],
    'pg_upgrade of a cluster with the extension, a tenant and samples');

# -- compared before anything of ours is at work in it
$new->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$new->start;
my %before = map { $_ => 1 } split /\n/, $before;
my %after = map { $_ => 1 } split /\n/, $new->safe_psql('app', $contents);
is_deeply([ grep { !$after{$_} } sort keys %before ], [], 'nothing is lost');
is_deeply([ grep { !$before{$_} } sort keys %after ], [], 'nothing is new');
foreach my $kind (qw(tenant server credential config event snapshot partition member sequence))
{
    isnt(scalar(grep { /^$kind\|/ } keys %before), 0, "there was a $kind to lose");
}
$new->stop;

# -- at work again. The key that opens passwords is a file that pg_upgrade knows nothing of: without it the collector
# makes a new one, and says what is wrong.
$new->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_vitals'");
$new->start;
within($start_limit + 2, 'the status says that the password cannot be opened without the old key', sub {
    $new->safe_psql('app', 'SELECT last_error FROM vitals.collection_status') =~ /cannot be opened/;
});
$new->stop;
copy_key($old, $new);
$new->start;
within($start_limit, 'collector runs after pg_upgrade', sub { collector_serves($new, 'app') });
is($new->safe_psql('app', 'SELECT restarts, last_error IS NULL FROM vitals.worker_status'), '0|t', 'without a failure');
within(3, 'and polls the server with the password that was stored before: it gets as far as the connection', sub {
    $new->safe_psql('app', 'SELECT last_error FROM vitals.collection_status') =~ /nothing listens on 127\.0\.0\.1 port 1/;
});
is($new->safe_psql('app', "SELECT vitals.create_tenant('later')"), 'tenant_later', 'a further tenant gets a key of its own');

sub copy_key
{
    my ($from, $to) = @_;
    my $key = $to->data_dir . '/pg_vitals.key';
    unlink $key;
    append_to_file($key, slurp_file($from->data_dir . '/pg_vitals.key'));
    chmod 0600, $key or die "chmod: $!";
    return;
}

$new->stop;
done_testing();
