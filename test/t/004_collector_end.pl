# However a collector or the launcher ends, there is a collector again soon, never two, and nobody else is bothered by it
# unless the server itself says so: a process that a signal kills makes the server restart all sessions.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use LifeCycle;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# The first wait after a failure is 1 s, the next 2 s, then 4 s; and a second for the start itself.
my @back_off = (1, 2, 4);
my $start_time = 1;
# The server starts the launcher again after 1 s.
my $launcher_limit = 2;
# A restart of all sessions includes recovery.
my $crash_limit = 5;

my $node = new_cluster('collector_end', conf => 'max_worker_processes = 16');
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE member LOGIN; CREATE ROLE stranger LOGIN');
my $pid = ready_database($node, 'app', 'owner');
ready_tenant($node, 'app', 'acme');
$node->safe_psql('app', 'GRANT tenant_acme TO owner, member');

sub sql { return $node->safe_psql('app', @_); }
sub status { return sql("SELECT $_[0] FROM vitals.worker_status"); }

sub terminate { return terminate_backend($node, $_[0]); }

sub start_collector_as
{
    return $node->psql('app', 'SELECT vitals.start_collector()', extra_params => [ '-U', $_[0], '-v', 'VERBOSITY=verbose' ]);
}

sub returns_after { my ($limit, $what, $old) = @_; return another_serves($limit, $node, 'app', $old, $what); }

sub locked_table_waiter
{
    return sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND wait_event_type = 'Lock'");
}

# -- cancelled while it waits: there is nothing to cancel
is(status('tenants'), '1', 'figures of a running collector');
sql("SELECT pg_cancel_backend($pid)") foreach 1 .. 20;
ready_tenant($node, 'app', 'second');
is(collector_pid($node, 'app'), $pid, 'collector stays when it is cancelled while idle');

# -- cancelled, or out of patience, in a statement: the statement fails, not the collector
foreach my $case (
    [ 'vitals.tenant_registry', 'cancelled' ],
    [ 'vitals.tenant_registry', 'left waiting' ],
    [ 'tenant_acme.servers', 'cancelled' ],
    [ 'tenant_second.servers', 'left waiting' ])
{
    my ($table, $way) = @$case;
    my $session = background_session($node, 'app');
    $session->query('BEGIN');
    $session->query("LOCK TABLE $table");
    sql('SELECT vitals.notify_collector()');
    within(1, "collector waits for $table", sub { locked_table_waiter() eq '1' });
    sql("SELECT pg_cancel_backend($pid)") if $way eq 'cancelled';
    # Nothing of ours waits longer than 2 s for a lock.
    within($way eq 'cancelled' ? 1 : 3, "it waits no longer when $way", sub { locked_table_waiter() eq '0' });
    $session->query('ROLLBACK');
    $session->quit;
    is(collector_pid($node, 'app'), $pid, "collector stays when it is $way in a statement on $table");
}
ready_tenant($node, 'app', 'third');
is(status('restarts'), '0', 'none of this was a failure');
is(status('last_error IS NOT NULL'), 't', 'but it can be seen');

my $prober = polled_server($node, 'app', 'third', 'nobody');

# -- terminated: the waits grow, and what the dead one counted is not shown
foreach my $round (0 .. $#back_off)
{
    my $ended = time;
    terminate($pid);
    # A wait of 1 s could be over before we look.
    is(status("state, pid IS NULL, tenants IS NULL, polls IS NULL, restarts, last_error"),
        'wanted|t|t|t|' . ($round + 1) . '|terminated, see the server log', 'status between two collectors') if $round > 0;
    is(sql('SELECT count(*) FROM vitals.probers'), '0', 'and no prober') if $round > 0;
    within(1, 'its prober has ended, too', sub { !is_alive($prober) });
    my $old = $pid;
    $pid = returns_after($back_off[$round] + $start_time, 'termination ' . ($round + 1), $old);
    cmp_ok(time - $ended, '>', $back_off[$round] * 0.9, "and not before the back-off of $back_off[$round] s is over");
    my $dead = $prober;
    $prober = within(2, 'with a prober of its own', sub { sql('SELECT pid FROM vitals.probers') });
    isnt($prober, $dead, 'which is another process');
}
is(status('restarts, tenants'), '3|3', 'the new one shows its own figures');

# -- started by hand: no wait, and the next failure counts as the first
terminate($pid);
takes_less_than(1, 'start_collector() instead of a wait of 8 s', sub { is(sql('SELECT vitals.start_collector()'), 't', 'it runs') });
$pid = collector_pid($node, 'app');
terminate($pid);
$pid = returns_after($back_off[0] + $start_time, 'the first termination since start_collector()', $pid);
takes_less_than(1, 'start_collector() where it runs', sub { is(sql('SELECT vitals.start_collector()'), 't', 'says so') });
is(collector_pid($node, 'app'), $pid, 'and changes nothing');

# -- by whom
my ($code, $out, $err) = start_collector_as('stranger');
like($err, qr/ERROR:  42501: permission denied for schema vitals/, 'who has nothing to do with pg_vitals may not start it');
($code, $out, $err) = start_collector_as('member');
like($err, qr/ERROR:  42501: permission denied to start the collector/, 'nor may a tenant');
like($err, qr/DETAIL:  Only a superuser or the owner of database "app" may\./, 'the detail says who may');
is((start_collector_as('owner'))[1], 't', 'the owner of the database may');

# -- the launcher ends: collectors go on, the next launcher takes them over
my $launcher = launcher_pid($node);
sql("SELECT pg_cancel_backend($launcher)") foreach 1 .. 5;
is(launcher_pid($node), $launcher, 'launcher stays when it is cancelled');
terminate($launcher);
is(collector_pid($node, 'app'), $pid, 'collector goes on without a launcher');
$launcher = within($launcher_limit, 'launcher is back', sub { launcher_pid($node) });
is(status('pid, state, restarts > 0'), "$pid|running|t", 'collector was not touched, nor its slot');
terminate($pid);
$pid = returns_after($back_off[1] + $start_time, 'its termination under the next launcher', $pid);

# -- while no launcher is there
terminate($launcher);
takes_less_than(2, 'RENAME of a database while there is no launcher',
    sub { $node->safe_psql('postgres', 'ALTER DATABASE app RENAME TO app2; ALTER DATABASE app2 RENAME TO app') });
$pid = within($launcher_limit + 1, 'collector is back with the launcher', sub { collector_serves($node, 'app') });
$launcher = launcher_pid($node);
terminate($launcher);
terminate($pid);
$pid = returns_after($launcher_limit + $back_off[2], 'both were terminated', $pid);

# -- the launcher ends while collectors start
$node->safe_psql('postgres', "CREATE DATABASE copy$_ TEMPLATE app") foreach 1 .. 4;
$node->safe_psql("copy$_", 'SELECT vitals.enable()') foreach 1 .. 4;
foreach my $round (1 .. 3)
{
    within($launcher_limit, 'there is a launcher', sub { launcher_pid($node) });
    # All collectors are wanted at once; collector_pid dies where there are two.
    $node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'pg_vitals %'");
    foreach my $database ('app', map { "copy$_" } 1 .. 4)
    {
        collector_pid($node, $database);
        $node->safe_psql($database, 'SELECT vitals.start_collector()');
        collector_pid($node, $database);
    }
}
foreach my $database ('app', map { "copy$_" } 1 .. 4)
{
    within($launcher_limit + 1, "one collector runs in $database", sub { collector_serves($node, $database) && collector_pid($node, $database) });
}

# -- killed by a signal: the server's rule is to restart all sessions
foreach my $case ([ 'collector', 'SEGV' ], [ 'collector', 'KILL' ], [ 'launcher', 'KILL' ])
{
    my ($process, $signal) = @$case;
    my $victim = $process eq 'launcher' ? launcher_pid($node) : collector_pid($node, 'app');
    my $offset = log_size($node);
    my @before = descendants(postmaster_pid($node));
    kill $signal, $victim;
    within($crash_limit, "collector is back after SIG$signal of the $process",
        sub { count_in_log($node, 'all server processes terminated', $offset) && collector_serves($node, 'app') });
    is(scalar(grep { is_alive($_) } @before), 0, 'all processes are new');
    within($launcher_limit, 'so are the others', sub { collector_serves($node, 'copy4') && launcher_pid($node) });
    is(status('restarts, tenants, last_error IS NULL'), '0|3|t', 'and start with a clean slate');
}

$node->stop;
done_testing();
