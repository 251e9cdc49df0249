# A hot standby shows what the primary stored, runs nothing, and takes over with its promotion; the former primary, as a
# standby, stops.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use LifeCycle;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $promotion_limit = 2;

my $primary = new_cluster('primary', streaming => 1);
ready_database($primary, 'app');
ready_tenant($primary, 'app', 'acme');
polled_server($primary, 'app', 'acme', 'nobody');
within(5, 'a poll is stored on the primary',
    sub { $primary->safe_psql('app', "SELECT status FROM vitals.collection_status WHERE server = 'nobody'") ne 'unknown' });

$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
# The copy of the test library forgets modes, which pg_basebackup keeps.
chmod 0600, $standby->data_dir . "/pg_vitals.key" or die $!;
$standby->start;
$primary->wait_for_catchup($standby);

my $our_processes = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_vitals%'";

sub nothing_runs
{
    my ($node, $what) = @_;
    is($node->safe_psql('app', $our_processes), '0', "no process of ours on $what");
    my @pids = descendants(postmaster_pid($node));
    my $commands = join ' ', map { -r "/proc/$_/cmdline" ? slurp_file("/proc/$_/cmdline") : '' } @pids;
    unlike($commands, qr/vitals/, 'nor below it');
    return;
}

# -- the standby
nothing_runs($standby, 'a hot standby');
is($standby->safe_psql('app', 'SHOW transaction_read_only'), 'on', 'it is read-only');
foreach my $view ('latest_metrics', 'collection_status', 'tenants', 'probers', 'worker_status', 'connectors')
{
    my ($code, $out, $err) = $standby->psql('app', "SELECT * FROM vitals.$view");
    is($code, 0, "vitals.$view can be read there") or diag($err);
}
is($standby->safe_psql('app', 'SELECT server, status FROM vitals.collection_status'),
    $primary->safe_psql('app', 'SELECT server, status FROM vitals.collection_status'), 'and shows what the primary stored');
is($standby->safe_psql('app', 'SELECT state FROM vitals.collection_status'), 'no collector', 'and that no collector runs');
is($standby->safe_psql('app', 'SELECT vitals.collector_running()'), 'f', 'nor says the function');

foreach my $statement (
    'SELECT vitals.start_collector()',
    "SELECT * FROM vitals.test_connection('nobody')",
    "SELECT vitals.collection_start('nobody')")
{
    my ($code, $out, $err) = $standby->psql('app', $statement, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    like($err, qr/ERROR:  PT503: no collector runs on a hot standby/, "refused there: $statement");
    like($err, qr/HINT:  Connect to the primary; after promotion it starts by itself\./, 'and the hint says where to go');
}
is($standby->safe_psql('app', $our_processes), '0', 'that started nothing');

# -- what happens on the primary is followed and starts nothing
$primary->safe_psql('postgres', 'CREATE DATABASE later');
ready_database($primary, 'two');
$primary->safe_psql('postgres', 'DROP DATABASE later');
$primary->wait_for_catchup($standby);
nothing_runs($standby, 'a standby whose primary creates extensions');
$standby->restart;
nothing_runs($standby, 'a standby that was restarted');

# -- fail-over: the primary goes, the standby takes over
$primary->stop;
my $stored = $standby->safe_psql('app', 'SELECT last_collected_at, last_error_at FROM vitals.collection_status');
$standby->promote;
within($promotion_limit, "collector of $_ runs after promotion", sub { collector_serves($standby, $_) }) foreach 'app', 'two';
ok(launcher_pid($standby), 'and a launcher');
within($promotion_limit, 'it sees the tenant',
    sub { $standby->safe_psql('app', 'SELECT restarts, tenants FROM vitals.worker_status') eq '0|1' });
within($promotion_limit, 'and polls its server',
    sub { $standby->safe_psql('app', 'SELECT last_collected_at, last_error_at FROM vitals.collection_status') ne $stored });

# -- the former primary follows the new one
$primary->enable_streaming($standby);
$primary->append_conf('postgresql.conf', "recovery_target_timeline = 'latest'");
$primary->set_standby_mode;
$primary->start;
nothing_runs($primary, 'the former primary');
$standby->wait_for_catchup($primary);
like(($primary->psql('app', 'SELECT vitals.start_collector()'))[2], qr/no collector runs on a hot standby/, 'start_collector() is refused there');
is(count_in_log($standby, 'was terminated by signal'), 0, 'nothing crashed');

# -- and back
$standby->stop;
$primary->promote;
within($promotion_limit, 'collector runs after the second promotion', sub { collector_serves($primary, 'app') });

$primary->stop;
done_testing();
