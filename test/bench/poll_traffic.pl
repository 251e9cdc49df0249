# What a poll of a server that is known takes from the network, from the kernel and from the allocator. Prints a table;
# `make bench` runs it.
#
# Bytes are counted by the simulator, TLS and TCP payload together. System calls and allocations are those of a prober that
# is driven by hand: strace may not look into one that a collector started, nor may anything be preloaded into it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Administrator;
use Bench;
use File::Basename;
use Fleet;
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use ProberAlone;
use Test::More;

my $servers = 20;

# Rounds of a steady state, with every group that is due in them, after so many polls of each server.
sub measure_network
{
    my ($fleet, $what, $first) = @_;
    my $rounds = max(map { $_->{every} // 1 } @{ $fleet->definitions });
    my $limit = 120 + 10 * $rounds;
    my $begin = $fleet->polls;
    wait_for('a steady state', $limit, sub { $fleet->polls >= $begin + $first * $servers });
    my ($before, $polls, $failed) = ($fleet->traffic, $fleet->polls, failed($fleet));
    wait_for('each batch as often as it is due', $limit, sub { $fleet->polls >= $polls + $rounds * $servers });
    my ($after, $then) = ($fleet->traffic, $fleet->polls);
    my $done = $then - $polls;
    my %each = map { $_ => ($after->{$_} - $before->{$_}) / $done } keys %{$after};
    heading("Network per poll in a steady state, everything on, $what ($done polls)");
    compare_figure('round trips', $each{batches}, '%.3f', '<=', 1.005);
    compare_figure('bytes: query and reply', ($each{bytes_sent} + $each{bytes_received}) / 1000, '%.1f kB', '<=', 40);
    figure('  query | reply', sprintf('%.1f | %.1f kB', map { $_ / 1000 } @each{qw(bytes_received bytes_sent)}));
    compare_figure('logins', $each{logins}, '%.3f', '<=', 0);
    figure('polls that failed', failed($fleet) - $failed, '0');
    return;
}

sub failed { my ($fleet) = @_; return $fleet->sql('SELECT polls_failed FROM vitals.worker_status'); }

# A batch sends its text twice before it is called by its handle, and the groups that are due together make a batch: what is
# due least often must have been due twice.
sub measure_batches
{
    my ($fleet) = @_;
    my $rounds = max(map { $_->{every} // 1 } @{ $fleet->definitions });
    $fleet->start;
    measure_network($fleet, 'batches', $rounds + 1);
    $fleet->pause;
    return;
}

# The procedures are called by their names each time: nothing changes after the first poll.
sub measure_procedures
{
    my ($fleet) = @_;
    return figure('mode procedures', 'pymssql, which installs them, is not there') unless Administrator::has_client();
    Administrator::install_procedures($fleet->simulated->port($_)) foreach 0 .. $servers - 1;
    $fleet->sql(q(UPDATE tenant_acme.servers SET options = options || '{"mode": "procedures"}'));
    $fleet->start;
    measure_network($fleet, 'mode procedures', 2);
    $fleet->pause;
    return;
}

# Polls the servers so many times with a prober of its own, under a program that counts. Returns what that wrote.
sub drive_prober
{
    my ($fleet, $rounds, @under) = @_;
    my $prober = ProberAlone->new(fleet => $fleet, threads => 4, under => \@under);
    $prober->run_rounds($rounds);
    return $prober->stop;
}

# The difference of two runs is that of the rounds between them: neither the start nor the first round are in it.
sub measure_system_calls
{
    my ($fleet) = @_;
    my ($strace) = grep { -x $_ } map { "$_/strace" } split /:/, $ENV{PATH};
    return figure('system calls', 'strace is not installed') unless defined $strace;
    my @counts;
    my $file = PostgreSQL::Test::Utils::tempdir() . '/strace';
    foreach my $rounds (2, 12)
    {
        drive_prober($fleet, $rounds, $strace, '-f', '-c', '-o', $file);
        my %calls = map { /^\s*\S+\s+\S+\s+\S+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/ ? ($2 => $1) : () } split /\n/, slurp_file($file);
        push @counts, \%calls;
    }
    my %each = map { $_ => ($counts[1]{$_} - ($counts[0]{$_} // 0)) / (10 * $servers) } grep { $_ ne 'total' } keys %{ $counts[1] };
    my $sum = 0;
    $sum += $_ foreach values %each;
    my @most = (sort { $each{$b} <=> $each{$a} } keys %each)[ 0 .. 5 ];
    heading('The prober alone, per poll');
    figure('system calls', sprintf('%.1f', $sum));
    figure('  ' . $_, sprintf('%.1f', $each{$_})) foreach grep { defined } @most;
    return;
}

# Numbers of allocations and of their bytes, which the preloaded library keeps in a file.
sub measure_allocations
{
    my ($fleet) = @_;
    my $library = dirname($ENV{TDS_SERVER}) . '/libcount_allocations.so';
    my @heap;
    foreach my $rounds (2, 12)
    {
        my $file = PostgreSQL::Test::Utils::tempdir() . '/allocations';
        drive_prober($fleet, $rounds, 'env', "LD_PRELOAD=$library", "ALLOCATION_COUNTS=$file");
        push @heap, [ unpack 'Q2', slurp_file($file) ];
    }
    my ($allocations, $bytes) = map { ($heap[1][$_] - $heap[0][$_]) / (10 * $servers) } 0, 1;
    cmp_ok($allocations, '>', 0, 'allocations were counted');
    figure('allocations', sprintf('%.0f, %.0f kB', $allocations, $bytes / 1000));
    return;
}

my $fleet = Fleet->new(name => 'traffic', servers => $servers, interval => 1, concurrency => 10);
measure_batches($fleet);
measure_procedures($fleet);
$fleet->simulated->control('all', latency_ms => 0);
measure_system_calls($fleet);
measure_allocations($fleet);
$fleet->stop;
pass('measured');
done_testing();
print_figures('Traffic of a poll');
