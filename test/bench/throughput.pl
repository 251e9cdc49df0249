# What a stored poll costs and how many there can be, beside the plain design: a Python script that polls the same servers
# and stores in the same PostgreSQL (python_peer.py). Prints a table; `make bench` runs it.
#
# The simulator, and in the first part PostgreSQL, share the machine with what is measured: where all processors are busy
# that is the bound, and not the latency. Hence what each used stands beside it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Bench;
use Fleet;
use JSON::PP;
use POSIX qw(ceil);
use PostgreSQL::Test::Utils;
use ProberAlone;
use PythonPeer;
use SimulatedServers;
use Test::More;

my $latency_ms = 20;
my $window = parameter('BENCH_SECONDS', 10);
my $everything = '["*"]';
my $few = '["cpu_percent", "memory_percent", "connection_count"]';
# After the change to these, in which each server is told the new batch, twice, and its series are described.
my $rounds_of_few = 4;
# Of the bound, by latency and concurrency.
my %least_percent = (20 => { 10 => 90, 50 => 90, 200 => 60 }, 200 => { 10 => 90, 50 => 90 });
my %least_ratio = (10 => 4, 50 => 18, 200 => 40);
my $most_servers = 5000;
# Servers with everything on, by concurrency: more than can be polled in the second after which they are due again, and not so
# many that it takes long until each has had its 60th cycle.
my %servers_of_everything = (10 => 500, 50 => 1200, 200 => 1200);
my ($first_rounds, $steady_rounds) = (3, 62);
# What ended in a window is stored so many seconds later, or does not count.
my $storing = 2;

# Without ticks the simulator takes more of the processors than what is measured. No server is polled twice in a tick.
my $tick_ms = 100;

my $simulated = SimulatedServers->new(servers => $most_servers, replay => 'live', latency_ms => $latency_ms, tick_ms => $tick_ms);

sub milliseconds { my ($number) = @_; return sprintf('%.2f ms', $number); }

# CPU per stored poll at a rate that the peer reaches, too.
sub measure_cost
{
    my $fleet = Fleet->new(name => 'cost', servers => 20, interval => 1, concurrency => 10, simulator => $simulated);
    $fleet->start;
    # A server's series are described once, those of the slowest groups with the 60th cycle.
    wait_for('polls of every server', 240, sub { $fleet->polls >= 62 * $fleet->{servers} });
    my ($before, $ended, $from) = ($fleet->usage, $fleet->polls, $fleet->now);
    spend(3 * $window);
    my ($after, $attempts, $to) = ($fleet->usage, $fleet->polls - $ended, $fleet->now);
    spend($storing);
    my $polls = $fleet->polls_stored($from, $to);
    # CPU that stored nothing belongs to no stored poll: then there is no figure.
    my %each = map { $_ => $polls > 0 ? ($after->{$_} - $before->{$_}) / $polls : 0 } qw(prober collector server);
    my $ours = $each{prober} + $each{collector} + $each{server};
    my $values = $fleet->sql("SELECT avg((SELECT count(*) FROM unnest(vals) AS v WHERE v IS NOT NULL))::numeric(10,1) FROM tenant_acme.server_snapshots WHERE collected_at > '$from'");
    $fleet->pause;

    my ($peer, $theirs, $server) = measure_peer($fleet);
    heading(sprintf('CPU per stored poll, everything on, %d ms latency, %.0f polls/s (the peer: %.0f)',
            $latency_ms, $polls / ($after->{time} - $before->{time}), $peer->{polls} / $peer->{seconds}));
    figure('polls stored, of so many', "$polls of $attempts");
    figure('values stored per poll | Python', sprintf('%s | %.0f', $values, $peer->{values}));
    figure('pg_vitals: prober + collector + other processes of PostgreSQL',
        sprintf('%s = %.2f + %.2f + %.2f', milliseconds($ours), @each{qw(prober collector server)}));
    figure('Python: script + PostgreSQL', sprintf('%s = %.2f + %.2f', milliseconds($theirs), $peer->{cpu_ms}, $server));
    compare_figure('ratio', $polls > 0 ? $theirs / $ours : 0, '%.1f x', '>=', 30);
    $fleet->stop;
    return $peer->{polls} / $peer->{seconds};
}

# With ten threads. Returns what it says, and ms per poll of it with PostgreSQL and of PostgreSQL alone.
sub measure_peer
{
    my ($fleet) = @_;
    my $peer = PythonPeer->new(groups => $fleet->definitions, ports => [ @{ $simulated->{ports} }[ 0 .. 99 ] ],
        threads => 10, rounds => 4, dsn => $fleet->node->connstr('postgres'));
    my $before = $fleet->usage;
    my $figures = $peer->run;
    my $after = $fleet->usage;
    $peer->stop;
    # The collector, which has nothing to do, is PostgreSQL as well.
    my $server = ($after->{server} - $before->{server} + $after->{collector} - $before->{collector}) / $figures->{polls};
    return ($figures, $figures->{cpu_ms} + $server, $server);
}

# A fleet with more servers than can be polled in a second. Each has its first poll, which is a login, before they are due
# every second: then those that are known already would come before the others.
sub start_fleet
{
    my ($name, $servers, $concurrency) = @_;
    $simulated->control('all', latency_ms => $latency_ms);
    my $fleet = Fleet->new(name => $name, servers => $servers, interval => 60, concurrency => $concurrency, simulator => $simulated);
    $fleet->start(300);
    wait_for('first poll of every server', 300, sub { $fleet->sql('SELECT count(*) FROM tenant_acme.collection_state') >= $servers });
    return $fleet;
}

# Polls per second, stored, of a fleet that has always more due than can be polled. rounds: polls of each server before, the
# first ones included.
sub saturate
{
    my ($fleet, $concurrency, $latency, $metrics, $what, $rounds) = @_;
    $simulated->control('all', latency_ms => $latency);
    $fleet->change_collection(1, $metrics);
    spend(3);
    wait_for('rounds before', 600, sub { $fleet->polls >= $rounds * $fleet->{servers} });
    my ($before, $from) = ($fleet->usage, $fleet->now);
    spend($window);
    my ($after, $to) = ($fleet->usage, $fleet->now);
    spend($storing);
    my $used = Fleet::shares($before, $after);
    my $rate = $fleet->polls_stored($from, $to) / $used->{seconds};
    my $bound = $concurrency * 1000 / $latency;
    my $shares = sprintf('cores: prober %.2f, collector %.2f, PostgreSQL %.2f, simulator %.2f', @{$used}{qw(prober collector server simulator)});
    my $label = "$what, $latency ms, $concurrency in flight: polls/s";
    figure($label, sprintf('%.0f of %.0f', $rate, $bound), $shares);
    return ($rate, 100 * $rate / $bound);
}

# The network part: a prober that only has to write its answers.
sub saturate_prober
{
    my ($fleet, $concurrency, $latency) = @_;
    $simulated->control('all', latency_ms => $latency);
    my $prober = ProberAlone->new(fleet => $fleet, threads => $concurrency, metrics => decode_json($few));
    $prober->run_rounds(1);
    my ($before, $cpu) = ($fleet->usage, cpu_ms($prober->{pid}));
    my $rate = $prober->run_seconds($window);
    my $used = Fleet::shares($before, $fleet->usage);
    $used->{prober} = (cpu_ms($prober->{pid}) - $cpu) / 1000 / $used->{seconds};
    $prober->stop;
    my $bound = $concurrency * 1000 / $latency;
    figure("a prober alone, three metrics, $latency ms, $concurrency in flight: polls/s", sprintf('%.0f of %.0f', $rate, $bound),
        sprintf('cores: prober %.2f, simulator %.2f', @{$used}{qw(prober simulator)}));
    show_percent(100 * $rate / $bound, $latency, $concurrency);
    return;
}

sub show_percent
{
    my ($percent, $latency, $concurrency) = @_;
    my $least = $least_percent{$latency}{$concurrency};
    return compare_figure('  of the bound', $percent, '%.0f %%', '>=', $least) if defined $least;
    return figure('  of the bound', sprintf('%.0f %%', $percent));
}

# Twice: while most servers have series that nobody had before, and once those of the slowest groups are described as well.
# Returns the latter.
sub measure_everything
{
    my ($concurrency) = @_;
    my $fleet = start_fleet("all$concurrency", $servers_of_everything{$concurrency}, $concurrency);
    saturate($fleet, $concurrency, $latency_ms, $everything, "everything, after $first_rounds rounds", $first_rounds);
    my ($rate) = saturate($fleet, $concurrency, $latency_ms, $everything, "everything, after $steady_rounds rounds", $steady_rounds);
    $fleet->stop;
    return $rate;
}

sub measure_throughput
{
    my ($of_peer) = @_;
    my %rates;
    heading('Polls/s against the bound concurrency / latency; all but those of a prober alone are stored');
    foreach my $concurrency (10, 50, 200)
    {
        my $servers = ceil(1.2 * $concurrency * 1000 / $latency_ms);
        $servers = $most_servers if $servers > $most_servers;
        my $fleet = start_fleet("c$concurrency", $servers, $concurrency);
        foreach my $latency (20, 200)
        {
            my (undef, $percent) = saturate($fleet, $concurrency, $latency, $few, 'three metrics', 1 + $rounds_of_few);
            show_percent($percent, $latency, $concurrency);
        }
        $fleet->pause;
        saturate_prober($fleet, $concurrency, $_) foreach 20, 200;
        $fleet->stop;
        $rates{$concurrency} = measure_everything($concurrency);
    }
    heading(sprintf('Polls/s, stored, everything on, %d ms latency, as a multiple of the Python script (10 threads, %.0f polls/s)', $latency_ms, $of_peer));
    compare_figure("pg_vitals, $_ in flight", $rates{$_} / $of_peer, '%.1f x', '>=', $least_ratio{$_}) foreach 10, 50, 200;
    return;
}

my $of_peer = measure_cost();
measure_throughput($of_peer) if parameter('BENCH_COST_ONLY', 0) == 0;
$simulated->stop;
pass('measured');
done_testing();
print_figures('Throughput');
