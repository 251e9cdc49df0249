# The real prober as a process: what it inherits, that its end costs nothing but the polls in flight, and that it never
# outlives its collector. The targets are of connector local, so that no server is needed.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $sample_limit = 5;
my $end_limit = 1;
# A poll's timeout of 0.5 s and a second of patience.
my $overdue_limit = 3;

my $node = new_cluster('prober', conf => "vitals.collection_timeout = '500ms'");
ready_database($node, 'app');
foreach my $tenant ('one', 'two')
{
    $node->safe_psql('app', "SELECT vitals.create_tenant('$tenant')");
    add_polled_server($node, 'app', $tenant, $_, connector => "'local'") foreach 'host', 'spare';
    within($sample_limit, "tenant $tenant has a sample", sub { snapshots_of($node, 'app', $tenant, 'host') == 1 });
}
my $collector = collector_pid($node, 'app');
my $other = prober_pid($node, 'app', 'two');

# What a new one stored may be seen before it is shown itself.
sub pid
{
    $node->poll_query_until('app', "SELECT count(pid) = 1 FROM vitals.probers WHERE tenant = 'one'") or die 'no prober runs';
    return prober_pid($node, 'app', 'one');
}

# -- what it has
{
    my $pid = pid();
    isnt($pid, $other, 'each tenant has a prober of its own');
    ok(!open(my $memory, '<', "/proc/$pid/mem"), 'not even processes of the same user can read its memory');
    my $status = slurp_file("/proc/$pid/status");
    like($status, qr/^NoNewPrivs:\s+1$/m, 'it can gain no privileges');
    like($status, qr/^Seccomp:\s+2$/m, 'a filter restricts its system calls');
    is(slurp_file("/proc/$pid/oom_score_adj") + 0, 1000, 'short of memory, the kernel ends it before the server');
    my $limits = slurp_file("/proc/$pid/limits");
    like($limits, qr/^Max core file size\s+0\s+0\s/m, 'it leaves no core file');
    # vitals.prober_memory_limit and the stacks of the threads that vitals.concurrency (10) allows.
    my $most = (512 * 1024 + 10 * 256) * 1024;
    like($limits, qr/^Max address space\s+$most\s+$most\s/m, 'its memory is limited by vitals.prober_memory_limit');
}

# -- its end
sub replaced_after
{
    my ($what, $reason, $do, $limit) = @_;
    my $before = pid();
    my $count = "SELECT restarts FROM vitals.probers WHERE tenant = 'one'";
    my $restarts = $node->safe_psql('app', $count);
    my $samples = snapshots_of($node, 'app', 'one', 'host');
    my $session = background_session($node, 'app');
    my $backend = $session->query('SELECT pg_backend_pid()');
    $do->($before);
    within($limit, "$what: its end is noticed", sub { $node->safe_psql('app', $count) == $restarts + 1 });
    poll_again($node, 'app', 'one', 'host');
    within($sample_limit, "$what: the next sample is stored", sub { snapshots_of($node, 'app', 'one', 'host') > $samples });
    within($sample_limit, "$what: by another prober", sub { pid() != $before });
    like($node->safe_psql('app', "SELECT last_exit FROM vitals.probers WHERE tenant = 'one'"), $reason, "$what: and said why");
    ok(!is_alive($before), "$what: the old one is gone");
    is($session->query('SELECT pg_backend_pid()'), $backend, "$what: sessions stay up");
    $session->quit;
    return;
}

# What hangs is noticed when a poll is overdue.
sub stop_in_a_poll { kill 'STOP', $_[0]; poll_again($node, 'app', 'one', 'spare'); return; }

replaced_after('SEGV', qr/^killed by signal 11 \(Segmentation fault\)$/, sub { kill 'SEGV', $_[0] }, $end_limit);
replaced_after('KILL', qr/^killed by signal 9 \(Killed\)$/, sub { kill 'KILL', $_[0] }, $end_limit);
replaced_after('STOP', qr/^did not end a poll in time$/, \&stop_in_a_poll, $overdue_limit);
replaced_after('TERM', qr/^exited with status 0$/, sub { kill 'TERM', $_[0] }, $end_limit);
is(prober_pid($node, 'app', 'two'), $other, 'the other tenant did not notice');
is(collector_pid($node, 'app'), $collector, 'neither did the collector');
is(status_of($node, 'app', 'one', 'host'), 'online|', 'and the server is online all the same');

# -- no work, no prober
my $idle = pid();
$node->safe_psql('app', "SET vitals.tenant = 'one'; SELECT vitals.collection_stop('host'), vitals.collection_stop('spare')");
within(2, 'a tenant without work has no prober', sub { !prober_pid($node, 'app', 'one') });
within(1, 'its process is gone', sub { !is_alive($idle) });

# -- the collector's end
my $prober = prober_pid($node, 'app', 'two');
$node->safe_psql('app', 'SELECT pg_terminate_backend(pid) FROM vitals.worker_status');
within(1, 'a prober ends with its collector', sub { !is_alive($prober) });
within(5, 'the next collector has another', sub { (prober_pid($node, 'app', 'two') // $prober) != $prober });
$prober = prober_pid($node, 'app', 'two');
kill 'KILL', collector_pid($node, 'app');
within(1, 'and also if the collector is killed', sub { !is_alive($prober) });

$node->stop('immediate');
done_testing();
