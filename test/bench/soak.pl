# A fleet whose servers fail and come back at random, for so many minutes: whether memory, threads and descriptors stay flat,
# and whether every cycle that was due left a row. Prints a table; BENCH_SOAK_MINUTES=30 make bench for longer.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Bench;
use Fleet;
use JSON::PP;
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $minutes = parameter('BENCH_SOAK_MINUTES', 3);
my $seed = parameter('BENCH_SEED', 1);
my ($servers, $interval, $deadline) = (100, 30, 2);
my @faults = qw(refuse silent silent-after-login drip drip-reply stall cut reset garbage http huge-row=8 endless-rows
  message-storm=20000 wrong-token slow-login=800 latency=400 error=1222 error=4060 error=18456 error=18401
  login-error=18456 encrypt-downgrade prepared-reset plain-prelogin-drop);
my @deeds = ([ restart => JSON::PP::true ], [ drop => JSON::PP::true ], [ view_state => JSON::PP::false ], [ view_state => JSON::PP::true ]);
my $changes = 0;

# About every third server has a fault at a time.
sub change_something
{
    my ($fleet) = @_;
    my $server = int rand $servers;
    my $dice = rand;
    my @change = $dice < 0.15 ? @{ $deeds[ rand @deeds ] } : (fault => $dice < 0.45 ? $faults[ rand @faults ] : 'none');
    $fleet->simulated->control($server, @change);
    ++$changes;
    return;
}

# Of both processes: memory of their own (the collector's other pages are shared buffers), threads, descriptors.
sub look
{
    my ($pid) = @_;
    my ($own) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
    return { memory => $own, threads => threads_of($pid), descriptors => descriptors_of($pid) };
}

# The least of every two minutes: a large answer takes its memory for a while, and freed memory goes back once a minute.
sub floor_of
{
    my (@points) = @_;
    my %least;
    foreach my $point (@points)
    {
        my $bucket = int($point->[0] / 2);
        $least{$bucket} = $point if !$least{$bucket} || $point->[1] < $least{$bucket}[1];
    }
    return map { $least{$_} } sort { $a <=> $b } keys %least;
}

sub show_slope
{
    my ($name, $unit, $allowed, @points) = @_;
    # What a prober takes for its first look at each kind of fault is not a leak.
    my @later = @points[ int(@points / 3) .. $#points ];
    my @sorted = sort { $a->[1] <=> $b->[1] } @later;
    compare_figure("$name: growth after the first third", slope(@later), "%.2f $unit/min", '<=', $allowed);
    figure('  first, last, most', sprintf('%d, %d, %d', $later[0][1], $later[-1][1], $sorted[-1][1]));
    return;
}

# Every server has a row an interval, whatever it is that answers. The collector may store a row up to the deadline after the
# poll was due.
sub show_rows
{
    my ($fleet, $from, $to) = @_;
    # A server that comes back is polled at once and then at its place, which is one and a half intervals later at most.
    my $longest = 1.5 + $deadline / $interval;
    my @found = split /\|/, $fleet->sql(<<~"SQL");
        WITH gaps AS (
            SELECT server_id, extract(epoch FROM collected_at - lag(collected_at) OVER (PARTITION BY server_id ORDER BY collected_at))::float8 / $interval AS gap
            FROM tenant_acme.server_snapshots WHERE collected_at BETWEEN '$from' AND '$to')
        SELECT count(*), count(DISTINCT server_id), coalesce(sum(greatest(ceil(gap - $longest), 0)), 0), max(gap) * $interval FROM gaps
        SQL
    my $seconds = $fleet->sql("SELECT extract(epoch FROM '$to'::timestamptz - '$from')::float8");
    figure('rows stored, of so many cycles', sprintf('%d of %.0f', $found[0], $servers * $seconds / $interval));
    compare_figure('cycles without a row', $found[2] + $servers - $found[1], '%d', '<=', 0);
    figure('longest time between two rows of a server', sprintf('%.1f s', $found[3]), sprintf('%.0f s', $longest * $interval));
    my ($polls, $passed, $skipped, $stored, $rejected, $dropped, $lost, $failed) = split /\|/,
      $fleet->sql('SELECT polls, cycles_passed, cycles_skipped, samples_stored, samples_rejected, samples_dropped, polls_lost, polls_failed FROM vitals.worker_status');
    figure('polls | failed of them | cycles of servers that are down | skipped', "$polls | $failed | $passed | $skipped");
    figure('rows | rejected | dropped | repeated since a prober was lost', "$stored | $rejected | $dropped | $lost");
    compare_figure('polls that are neither stored nor counted', $polls + $passed + $skipped - $stored - $rejected - $dropped, '%d', '<=', 0);
    return;
}

srand $seed;
my $fleet = Fleet->new(name => 'soak', servers => $servers, interval => $interval, concurrency => 50, conf => "vitals.collection_timeout = '${deadline}s'");
$fleet->start;
my $start = time;
# The first poll comes at once and the second at its place, one and a half intervals later at most.
my $from = $fleet->sql("SELECT clock_timestamp() + 1.5 * interval '$interval seconds'");
my %points;
my $next_look = 0;
spend($minutes * 60, 0.5, sub {
    change_something($fleet);
    return if time < $next_look;
    $next_look = time + 10;
    my $minute = (time - $start) / 60;
    # A fault may have ended the prober; the next one is another line.
    my $prober = prober_of($fleet) // return;
    my %seen = (prober => look($prober), collector => look($fleet->collector));
    foreach my $process (keys %seen)
    {
        push @{ $points{$process}{$_} }, [ $minute, $seen{$process}{$_} ] foreach keys %{ $seen{$process} };
    }
});
my $to = $fleet->sql('SELECT clock_timestamp()');
$fleet->simulated->control('all', fault => 'none');
$fleet->pause;
# What was read last is stored within a second or so. If it is not, that is a figure.
eval { wait_for('the last rows', 10, sub { $fleet->sql('SELECT samples_stored + samples_rejected + samples_dropped = polls + cycles_passed + cycles_skipped FROM vitals.worker_status') eq 't' }) };

sub prober_of
{
    my ($fleet) = @_;
    my $pid = $fleet->sql("SELECT pid FROM vitals.probers WHERE tenant = 'acme'");
    return $pid eq '' ? undef : $pid;
}

heading("$servers servers every $interval s for $minutes minutes, $changes changes of what they do, everything on");
show_rows($fleet, $from, $to);
figure('probers replaced, why', $fleet->sql("SELECT restarts || ', ' || coalesce(last_exit, '-') FROM vitals.probers WHERE tenant = 'acme'"), '0');
foreach my $process ('prober', 'collector')
{
    show_slope("$process, memory of its own, the least of two minutes", 'kB', 100, floor_of(@{ $points{$process}{memory} }));
    figure('  most at any time', max(map { $_->[1] } @{ $points{$process}{memory} }) . ' kB');
    show_slope("$process, threads", '', 0.05, @{ $points{$process}{threads} });
    # Those of connections come and go with the faults.
    show_slope("$process, descriptors", '', $process eq 'prober' ? 2 : 0.5, @{ $points{$process}{descriptors} });
}
$fleet->stop;
pass('measured');
done_testing();
print_figures('Soak');
