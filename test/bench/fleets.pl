# Whole fleets on schedule: how late polls start, what it costs, whether a cycle is missed. 1,000 and 5,000 servers, and
# 1,000 of which 900 accept connections and never answer. Prints a table; `make bench` runs it, BENCH_MINUTES=10 make bench
# for longer.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Bench;
use Fleet;
use PostgreSQL::Test::Utils;
use Test::More;

my $minutes = parameter('BENCH_MINUTES', 2);
my $interval = 60;
my ($latency_ms, $concurrency) = (20, 50);
my @wanted = split /,/, $ENV{BENCH_FLEETS} // '1000,5000,holes';

# The first poll of a server comes at once and the second at its place, which is one and a half intervals later at most.
sub settle
{
    my ($fleet, $started) = @_;
    my $left = $started + 1.5 * $interval + 5 - time;
    spend($left) if $left > 0;
    return;
}

# Runs the minutes. Returns the shares of a core, and when it began, by the database's clock.
sub watch
{
    my ($fleet) = @_;
    my ($from, $before) = ($fleet->sql('SELECT clock_timestamp()'), $fleet->usage);
    spend($minutes * 60, $interval / 3, sub { $fleet->note_lags });
    my $used = Fleet::shares($before, $fleet->usage);
    $fleet->note_lags;
    return ($used, $from);
}

sub show_lags
{
    my ($fleet, $from, $which, $of) = @_;
    my @lags = split /\|/, $fleet->sql("SELECT count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY lag_ms), percentile_disc(0.99) WITHIN GROUP (ORDER BY lag_ms),
        max(lag_ms) FROM bench.lags WHERE started_at >= '$from' AND $which");
    # Of nothing there is no lag, and no target that it meets.
    return compare_figure("polls of $of that were stored", 0, '%d', '>=', 1) if $lags[0] == 0;
    figure("schedule lag of $of, p50 / max ($lags[0] polls)", sprintf('%.1f / %.1f ms', @lags[1, 3]));
    compare_figure('schedule lag, p99', $lags[2], '%.1f ms', '<', 1000);
    return;
}

# By what is stored alone: every server has a row an interval, and no two rows are much further apart.
sub show_cycles
{
    my ($fleet, $from, $which, $count) = @_;
    my $expected = $count * $minutes * 60 / $interval;
    my @found = split /\|/, $fleet->sql(<<~"SQL");
        WITH cycles AS (
            SELECT n.server_id, n.collected_at, lag(n.collected_at) OVER (PARTITION BY n.server_id ORDER BY n.collected_at) AS before
            FROM tenant_acme.server_snapshots AS n JOIN tenant_acme.servers AS s ON s.id = n.server_id
            WHERE $which AND n.collected_at >= '$from'::timestamptz - interval '$interval seconds'
                AND n.collected_at < '$from'::timestamptz + interval '$minutes minutes'),
        gaps AS (SELECT *, extract(epoch FROM collected_at - before)::float8 / $interval AS gap FROM cycles WHERE collected_at >= '$from')
        SELECT count(*), coalesce(sum(greatest(round(gap) - 1, 0)), 0) + $count - count(DISTINCT server_id),
               percentile_disc(0.99) WITHIN GROUP (ORDER BY abs(gap - 1) * $interval) FROM gaps
        SQL
    figure('rows stored, of so many expected', "$found[0] of $expected");
    compare_figure('cycles missed', $found[1], '%d', '<=', 0);
    return figure('the collector says', $fleet->sql('SELECT last_error FROM vitals.worker_status')) if $found[0] == 0;
    figure('distance of two rows of a server minus the interval, p99', sprintf('%.2f s', $found[2]));
    return;
}

sub show_cost
{
    my ($fleet, $used, $target) = @_;
    my $all = $used->{prober} + $used->{collector} + $used->{server};
    figure('CPU: prober + collector + other processes of PostgreSQL', sprintf('%.3f + %.3f + %.3f cores', @{$used}{qw(prober collector server)}));
    if ($target) { compare_figure('CPU together', $all, '%.3f cores', '<', $target); }
    else { figure('CPU together', sprintf('%.3f cores', $all)); }
    figure('memory: prober, collector (with shared pages)', sprintf('%.0f MB, %.0f MB', map { resident_mb($_) } $fleet->prober, $fleet->collector));
    return;
}

sub measure_fleet
{
    my ($count, $target) = @_;
    my $fleet = Fleet->new(name => "fleet$count", servers => $count, interval => $interval, latency_ms => $latency_ms, concurrency => $concurrency);
    my $started = time;
    my $first = $fleet->start(300);
    settle($fleet, $started);
    my $logins = $fleet->traffic->{logins};
    my ($used, $from) = watch($fleet);
    heading("$count servers every $interval s, everything on, $latency_ms ms latency, concurrency $concurrency, $minutes minutes");
    figure('first round, all servers due at once', sprintf('%.1f s', $first));
    show_lags($fleet, $from, 'true', 'all');
    show_cycles($fleet, $from, 'true', $count);
    show_cost($fleet, $used, $target);
    compare_figure('logins', $fleet->traffic->{logins} - $logins, '%d', '<=', 0);
    figure('polls that failed', $fleet->sql('SELECT polls_failed FROM vitals.worker_status'), '0');
    $fleet->stop;
    return;
}

sub measure_black_holes
{
    my ($count, $living) = @_;
    my $fleet = Fleet->new(name => 'holes', servers => $count, interval => $interval, latency_ms => $latency_ms, concurrency => $concurrency);
    $fleet->simulated->control($_, fault => 'silent') foreach $living .. $count - 1;
    $fleet->start(300);
    # Those that are down are probed again before all have had their first poll, which waits for some three minutes.
    wait_for('first poll of every server', 300, sub { $fleet->sql('SELECT count(*) FROM tenant_acme.collection_state') >= $count });
    settle($fleet, time);
    my ($used, $from) = watch($fleet);
    my $alive = "server_id IN (SELECT id FROM tenant_acme.servers WHERE substr(name, 4)::integer <= $living)";
    heading("$count servers of which @{[ $count - $living ]} never answer, concurrency $concurrency, $minutes minutes");
    show_lags($fleet, $from, $alive, "the $living living");
    show_cycles($fleet, $from, $alive, $living);
    my $status = 'SELECT count(*) FROM tenant_acme.collection_state WHERE status =';
    figure('servers shown as online | offline', $fleet->sql("$status 'online'") . ' | ' . $fleet->sql("$status 'offline'"), "$living | @{[ $count - $living ]}");
    show_cost($fleet, $used);
    $fleet->stop;
    return;
}

foreach my $fleet (@wanted)
{
    if ($fleet eq 'holes') { measure_black_holes(1000, 100); }
    else { measure_fleet($fleet, $fleet == 5000 ? 0.5 : undef); }
}
pass('measured');
done_testing();
print_figures('Fleets');
