# A prober parses what a hostile server sends and may have been taken over. Whatever it then says or does, only its own
# tenant notices: it is cut off, killed and replaced with a back-off, nothing it says about others is stored, and the
# polls of the others go on.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# From the start of the polls to the last prober that was cut off. Two of them are only cut off when their poll is
# overdue: a timeout of 0.5 s and a second of patience, for each of the two tries.
my $cut_off_limit = 10;
my $sample_limit = 5;

# What each does (rogue_prober.pl), why it is cut off, and what its server is then said to be.
my %deeds = (
    wrong_job => [ qr/answered a job it was not given/, 'offline|prober_lost' ],
    unknown_job => [ qr/answered a job it was not given/, 'offline|prober_lost' ],
    answer_twice => [ qr/answered a job it was not given/, 'online|' ],
    binary => [ qr/broke the protocol/, 'offline|prober_lost' ],
    not_json => [ qr/broke the protocol: not JSON/, 'offline|prober_lost' ],
    unknown_field => [ qr/broke the protocol: unknown field/, 'offline|prober_lost' ],
    unknown_names => [ qr/broke the protocol: left out names that it was not told are known/, 'offline|prober_lost' ],
    asks_password => [ qr/broke the protocol: asked for a password that it was told/, 'offline|prober_lost' ],
    infinite => [ qr/broke the protocol/, 'offline|prober_lost' ],
    hello_again => [ qr/broke the protocol: greeted twice/, 'offline|prober_lost' ],
    long_line => [ qr/broke the protocol: line exceeds the limit/, 'offline|prober_lost' ],
    flood => [ qr/answered a job it was not given/, 'offline|prober_lost' ],
    closes => [ qr/killed by signal 9/, 'offline|prober_lost' ],
    spin => [ qr/did not end a poll in time/, 'offline|timeout' ],
    sulk => [ qr/did not end a poll in time/, 'offline|timeout' ],
    exit => [ qr/exited with status 9/, 'offline|prober_lost' ],
    segv => [ qr/killed by signal 11 \(Segmentation fault\)/, 'offline|prober_lost' ]);

my $node = new_cluster('rogue',
    install_path => server_tree_with_prober("$FindBin::RealBin/../perl/rogue_prober.pl"),
    conf => "vitals.collection_timeout = '500ms'\nvitals.concurrency = 50");
ready_database($node, 'app');

sub add_tenant
{
    my ($tenant, $server, $host) = @_;
    $node->safe_psql('app', "SELECT vitals.create_tenant('$tenant')");
    add_polled_server($node, 'app', $tenant, $server, host => "'$host'");
    return;
}

sub prober_figure
{
    my ($tenant, $column) = @_;
    return $node->safe_psql('app', "SELECT $column FROM vitals.probers WHERE tenant = '$tenant'");
}

sub resident_kb
{
    my ($pid) = @_;
    my ($kb) = slurp_file("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
    return $kb;
}

add_tenant('victim', 'good', 'good');
within($sample_limit, 'the victim is polled', sub { snapshots_of($node, 'app', 'victim', 'good') == 1 });
# A second one, so that the prober has work while the first is switched off and on.
add_polled_server($node, 'app', 'victim', 'other', host => "'other'");
my $collector = collector_pid($node, 'app');
my $victims_prober = prober_pid($node, 'app', 'victim');

# -- what a prober is given (this one lets itself be looked at)
{
    my %descriptors = map { m{/(\d+)$} ? ($1 => readlink($_) // '') : () } glob "/proc/$victims_prober/fd/*";
    like($descriptors{3} // '', qr/^socket:/, 'its socket is descriptor 3');
    is(join(' ', grep { $_ > 2 && $_ != 3 && $descriptors{$_} !~ m{/rogue_prober|/vitals_prober|/version$} } keys %descriptors), '',
        'it inherits no other, and no file of the server');
    is(join(' ', sort grep { length } split /\0/, slurp_file("/proc/$victims_prober/environ")),
        'LANG=C.UTF-8 PATH=/usr/bin:/bin TZ=UTC', 'its environment is fixed');
}

# Honest ones first, for whose statements the collector keeps as many plans as it ever does: that is not what is looked at.
my @honest = map { "honest$_" } 1 .. 10;
add_tenant($_, 'good', 'good') foreach @honest;
foreach my $tenant (@honest)
{
    within($sample_limit, "$tenant is polled", sub { snapshots_of($node, 'app', $tenant, 'good') >= 1 });
}
my $memory_before = resident_kb($collector);

add_tenant($_, 'bad', "$_.rogue") foreach sort keys %deeds;
within($cut_off_limit, 'every rogue prober is cut off',
    sub { $node->safe_psql('app', "SELECT count(*) FROM vitals.probers WHERE restarts > 0") == keys %deeds });

foreach my $deed (sort keys %deeds)
{
    my ($reason, $status) = @{ $deeds{$deed} };
    within($cut_off_limit, "$deed: its server is $status", sub { status_of($node, 'app', $deed, 'bad') eq $status });
    like(prober_figure($deed, 'last_exit'), $reason, "$deed: vitals.probers says why it ended");
    next if $status eq 'online|';
    is($node->safe_psql('app', "SELECT count(*) FROM tenant_$deed.server_latest"), '0', "$deed: nothing it said is stored");
}

# -- the others
poll_again($node, 'app', 'victim', 'good');
within($sample_limit, 'the victim is polled all the while', sub { snapshots_of($node, 'app', 'victim', 'good') == 2 });
is(prober_pid($node, 'app', 'victim'), $victims_prober, 'by the same prober');
is($node->safe_psql('app', 'SELECT DISTINCT cpu_percent FROM tenant_victim.server_snapshots'), '50',
    'and no value of another prober is among its own');
is(collector_pid($node, 'app'), $collector, 'the collector is the same');
is($node->safe_psql('app', 'SELECT restarts FROM vitals.worker_status'), '0', 'and did not fail');
cmp_ok(resident_kb($collector) - $memory_before, '<', 30_000, 'a gigabyte without a newline was not kept in memory');

within(3, 'no process of a rogue prober is left', sub {
    my %wanted = map { $_ => 1 } split /\n/, $node->safe_psql('app', 'SELECT pid FROM vitals.probers WHERE pid IS NOT NULL');
    return !grep { is_alive($_) && !$wanted{$_} } descendants($collector) });

# -- what follows the protocol and still is not to be believed
add_tenant('inventor', 'bad', 'foreign_values.rogue');
within($sample_limit, 'values of the inventor are stored', sub { snapshots_of($node, 'app', 'inventor', 'bad') == 1 });
is($node->safe_psql('app', "SET vitals.tenant = 'inventor'; SELECT metric, value FROM vitals.latest_metrics"),
    'cpu_percent|12.00', 'but only those of metrics that are known and were asked for');

# -- back-off
foreach my $round (1, 2)
{
    # Each server is tried twice.
    add_polled_server($node, 'app', 'segv', "more$round", host => "'segv.rogue'");
    within(10, 'a prober that crashes again and again is started again and again',
        sub { prober_figure('segv', 'restarts') == 2 + 2 * $round });
}
my @waits = slurp_file($node->logfile) =~ /prober of tenant "segv" ended.*\n.*started again in (\d+) ms/g;
is("@waits[0 .. 4]", '100 200 400 800 1600', 'each time after twice the time');

$node->stop;
done_testing();
