# What polling costs: memory and CPU of the prober and the collector with fleets of 1, 100 and 1,000 simulated servers, and
# how long it takes from the crash of a prober under load to the next stored sample. Prints a table; `make bench` runs it.
#
# Every figure but the wall times is of the processes measured alone (CPU and resident memory from /proc), so that the
# simulator, which shares the machine, is not in them.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Bench;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SimulatedServers;
use Test::More;
use Time::HiRes qw(time);

sub start_fleet
{
    my ($count, $servers) = @_;
    my $node = new_cluster("fleet$count", conf => "vitals.concurrency = 50\nvitals.ca_directory = '" . $servers->ca_directory . "'");
    $node->safe_psql('postgres', "CREATE EXTENSION pg_vitals; SELECT vitals.create_tenant('acme')");
    my $ports = join(',', @{ $servers->{ports} });
    my $ca = $servers->ca;
    $node->safe_psql('postgres',
        qq(SELECT vitals.add_server('sql' || nr, host => 'localhost', port => port, username => 'vitals', password => 'vitals',
               metrics => '{*}', options => '{"ca_file": "$ca"}')
           FROM unnest('{$ports}'::integer[]) WITH ORDINALITY AS p (port, nr);
           UPDATE tenant_acme.collection_config SET enabled = true, interval_seconds = 30));
    return $node;
}

sub measure_fleet
{
    my ($count) = @_;
    my $servers = SimulatedServers->new(servers => $count, replay => 'live');
    my $node = start_fleet($count, $servers);
    my $polls = sub { $node->safe_psql('postgres', 'SELECT polls FROM vitals.worker_status') };
    my $failed = sub { $node->safe_psql('postgres', 'SELECT polls_failed FROM vitals.worker_status') };
    my $first = wait_for('first round', 60, sub { $polls->() >= $count });
    my $prober = prober_pid($node, 'postgres', 'acme');
    my $collector = collector_pid($node, 'postgres');
    # The second round begins at most one and a half intervals after the first.
    my ($polls_before, $prober_before, $collector_before) = ($polls->(), cpu_ms($prober), cpu_ms($collector));
    wait_for('second round', 60, sub { $polls->() >= 2 * $count });
    my $done = $polls->() - $polls_before;
    die 'polls failed: ' . $failed->() if $failed->();
    my $per_poll = (cpu_ms($prober) - $prober_before) / $done;
    figure("prober, $count servers: resident memory", sprintf('%.1f MB', resident_mb($prober)));
    figure("collector, $count servers: resident memory", sprintf('%.1f MB', resident_mb($collector)));
    # The kernel counts CPU in ticks of 10 ms.
    return close_fleet($node, $servers) if $done < 50;
    figure("prober, $count servers: CPU per poll on a kept TLS connection", sprintf('%.2f ms (%d polls)', $per_poll, $done));
    figure("collector, $count servers: CPU per poll, stored", sprintf('%.2f ms', (cpu_ms($collector) - $collector_before) / $done));
    if ($count == 1000)
    {
        figure('first round of 1,000 servers, from the change to the last sample', sprintf('%.1f s', $first));
        measure_crash($node);
    }
    return close_fleet($node, $servers);
}

sub close_fleet
{
    my ($node, $servers) = @_;
    $node->stop('immediate');
    $servers->stop;
    return;
}

sub measure_crash
{
    my ($node) = @_;
    my @took;
    foreach my $round (1 .. 5)
    {
        my $before = $node->safe_psql('postgres', 'SELECT samples_stored FROM vitals.worker_status');
        # Under load: wait until polls are in flight.
        wait_for('polls in flight', 40, sub { $node->safe_psql('postgres', "SELECT coalesce(sum(in_flight), 0) FROM vitals.probers") > 0 });
        my $prober = prober_pid($node, 'postgres', 'acme') // next;
        $before = $node->safe_psql('postgres', 'SELECT samples_stored FROM vitals.worker_status');
        kill 'SEGV', $prober;
        wait_for('another prober', 10, sub { (prober_pid($node, 'postgres', 'acme') // $prober) != $prober });
        push @took, wait_for('the next sample', 40, sub { $node->safe_psql('postgres', 'SELECT samples_stored FROM vitals.worker_status') > $before });
    }
    @took = sort { $a <=> $b } @took;
    figure('kill -SEGV of the prober under load: to the next stored sample', sprintf('%.2f s median, %.2f s worst of %d', $took[@took / 2], $took[-1], scalar @took));
    return;
}

measure_fleet($_) foreach 1, 100, 1000;
pass('measured');
done_testing();
print_figures('Polling');
