# Nothing of ours delays the end of the server or outlives it, whichever way it ends, and the next start finds everything
# in order.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use LifeCycle;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $stop_limit = 2;
# A smart shutdown waits for sessions, and for nothing of ours.
my $smart_limit = 2;
# After kill -9 of the postmaster nobody is there to tell the others.
my $orphan_limit = 1;
my $start_limit = 2;

my $node = new_cluster('server_stop');
ready_database($node, $_) foreach 'one', 'two';
foreach my $database ('one', 'two')
{
    ready_tenant($node, $database, "${database}_$_") foreach 'a', 'b';
    polled_server($node, $database, "${database}_$_", 'nobody') foreach 'a', 'b';
}

# All processes of the running server, which must be those that this test is about.
sub processes
{
    my @pids = descendants(postmaster_pid($node));
    my %running = map { $_ => 1 } @pids;
    my @ours = (
        launcher_pid($node),
        map({ collector_pid($node, $_) } 'one', 'two'),
        map({ split /\n/, $node->safe_psql($_, 'SELECT pid FROM vitals.probers WHERE pid IS NOT NULL') } 'one', 'two'));
    is(scalar(@ours), 7, 'launcher, two collectors and four probers run');
    is(scalar(grep { !$running{$_} } @ours), 0, 'all of them below the postmaster');
    return @pids;
}

sub all_run_again
{
    my ($what) = @_;
    foreach my $database ('one', 'two')
    {
        within($start_limit, "collector of $database runs after $what", sub { collector_serves($node, $database) });
        within($start_limit, "and polls for both tenants",
            sub { $node->safe_psql($database, 'SELECT count(pid) FROM vitals.probers') eq '2' });
    }
    return;
}

sub none_is_left
{
    my ($limit, $what, @pids) = @_;
    within($limit, "no process is left after $what", sub { !grep { is_alive($_) } @pids });
    return;
}

foreach my $case ([ 'fast', $stop_limit ], [ 'smart', $smart_limit ], [ 'immediate', $stop_limit ])
{
    my ($mode, $limit) = @$case;
    my @pids = processes();
    takes_less_than($limit, "pg_ctl stop -m $mode", sub { $node->stop($mode) });
    none_is_left(0, "pg_ctl stop -m $mode", @pids);
    $node->start;
    all_run_again("pg_ctl stop -m $mode");
}

# -- a prober that does not react delays nothing
{
    my @pids = processes();
    my $prober = $node->safe_psql('one', 'SELECT pid FROM vitals.probers LIMIT 1');
    kill 'STOP', $prober;
    takes_less_than($stop_limit, 'pg_ctl stop with a prober that hangs', sub { $node->stop('fast') });
    none_is_left(0, 'it', @pids);
    $node->start;
    all_run_again('it');
}

# -- nor does a collector that waits for a lock
{
    my @pids = processes();
    my $session = background_session($node, 'one');
    $session->query('BEGIN');
    $session->query('LOCK TABLE vitals.tenant_registry');
    my $collector = collector_pid($node, 'one');
    $node->safe_psql('one', 'SELECT vitals.notify_collector()');
    within(1, 'collector waits for a lock',
        sub { $node->safe_psql('one', "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $collector") eq 'Lock' });
    takes_less_than($stop_limit, 'pg_ctl stop while the collector waits for a lock', sub { $node->stop('fast') });
    none_is_left(0, 'it', @pids);
    eval { $session->quit };
    $node->start;
    all_run_again('it');
}

# The server takes a process for running that is dead but not reaped, which is up to whatever runs as process 1 here.
sub killed_postmaster_is_reaped
{
    my ($pid) = @_;
    within(10, 'the dead postmaster is reaped', sub { !-e "/proc/$pid" });
    return;
}

# -- the postmaster is killed
{
    my @pids = processes();
    my $postmaster = postmaster_pid($node);
    $node->kill9;
    none_is_left($orphan_limit, 'kill -9 of the postmaster', @pids);
    killed_postmaster_is_reaped($postmaster);
    # A survivor would still be attached to the shared memory, and the server would refuse to start.
    takes_less_than(10, 'start after kill -9', sub { $node->start });
    all_run_again('kill -9');
}

# -- and killed when it cannot even be noticed: the collector is stopped
{
    my @pids = processes();
    my $collector = collector_pid($node, 'one');
    my $postmaster = postmaster_pid($node);
    kill 'STOP', $collector;
    $node->kill9;
    none_is_left($orphan_limit, 'kill -9 of the postmaster, but the stopped one and its probers',
        grep { !is_below($collector, $_) } @pids);
    kill 'CONT', $collector;
    none_is_left($orphan_limit, 'it goes on', @pids);
    killed_postmaster_is_reaped($postmaster);
    $node->start;
    all_run_again('it');
}

# -- restarted
my $old = collector_pid($node, 'one');
takes_less_than(5, 'restart', sub { $node->restart });
all_run_again('restart');
isnt(collector_pid($node, 'one'), $old, 'by a new process');
is($node->safe_psql('one', 'SELECT restarts, last_error IS NULL FROM vitals.worker_status'), '0|t', 'which counts no failure');

my $log = slurp_file($node->logfile);
unlike($log, qr/was terminated by signal|PANIC|pre-existing shared memory/, 'nothing crashed in all of this');

# Whether the process is the root itself or one below it.
sub is_below
{
    my ($root, $pid) = @_;
    return $pid == $root || grep { $_ == $pid } descendants($root);
}

$node->stop;
done_testing();
