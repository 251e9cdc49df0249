# What the REST API costs: requests per second, latency and CPU of reading and changing a configuration and of the fleet's
# status with 1,000 servers, next to a function that is SELECT 1, through the same PostgREST in the same run. Prints a table;
# `make bench` runs it.
#
# Rounds are interleaved and medians are taken. On a machine that does something else at the same time, requests per second
# are only good for the ratio, and CPU per request is the better figure: it is that of PostgreSQL's processes and of
# PostgREST, without the client. Nothing waits for the disk (fsync is off).
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use JSON::PP;
use PgVitals;
use POSIX qw(sysconf _SC_CLK_TCK);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rest;
use Test::More;

Rest::require_programs();
my ($wrk) = grep { -x } map { "$_/wrk" } split /:/, $ENV{PATH};
plan skip_all => 'no wrk' unless defined $wrk;

my ($servers, $rounds, $seconds, $connections) = (1000, 5, 2, 8);

my $node = new_cluster('rest_bench', conf => "fsync = off\nsynchronous_commit = off\nlog_statement = none\nlog_min_messages = warning\nautovacuum = off");
ready_database($node, 'app');
sub sql { return $node->safe_psql('app', $_[0]); }
# Other tenants, so that the one is found among many.
sql("SELECT vitals.create_tenant('other' || i) FROM generate_series(1, 20) AS i; SELECT vitals.create_tenant('acme')");
sql("SET vitals.tenant = 'acme'; SELECT vitals.add_server('sql' || i, host => 'sql' || i || '.example') FROM generate_series(1, $servers) AS i");
sql("INSERT INTO tenant_acme.metrics (server_id, metric_type_id, value, collected_at)
    SELECT s.id, t.id, 50, now() FROM tenant_acme.servers AS s, tenant_acme.metric_types AS t
    WHERE t.name IN ('cpu_percent', 'memory_percent', 'connection_count', 'batch_requests_sec')");
my @ids = split /\n/, sql('SELECT id FROM tenant_acme.servers');
my $rest = Rest->new($node, 'app');
# Beside what is measured, in the same schema and with the same rights.
sql("CREATE FUNCTION vitals_api.bench_one() RETURNS integer LANGUAGE sql STABLE AS 'SELECT 1';
    GRANT EXECUTE ON FUNCTION vitals_api.bench_one() TO tenant_acme; NOTIFY pgrst, 'reload schema'");
sql('VACUUM ANALYZE');
my $token = Rest::token({ role => 'tenant_acme', exp => time + 7200 });
$rest->until_status('GET', '/rpc/bench_one', 200, direct => 1, token => $token);

my @calls = (
    { name => 'SELECT 1', path => '/rpc/bench_one' },
    { name => 'GET config', path => '/rpc/collection_config_get?server_id={id}' },
    { name => 'PUT config', method => 'POST', path => '/rpc/collection_config_put', body => '{"server_id":"{id}","config":{"interval_seconds":{n}}}' },
    { name => 'newest values of a server', path => '/rpc/server_metrics?server_id={id}' },
    { name => 'fleet_status of 1,000 servers', path => '/fleet_status' },
    { name => 'GET config through nginx', path => '/api/servers/{id}/collection-config', nginx => 1 },
    { name => 'PUT config through nginx', method => 'PUT', path => '/api/servers/{id}/collection-config', body => '{"interval_seconds":{n}}', nginx => 1 },
    { name => 'Prometheus, 1,000 servers', path => '/metrics', nginx => 1 });

sub lua
{
    my ($call) = @_;
    my $file = $rest->directory . '/call' . ($call->{name} =~ s/\W//gr) . '.lua';
    append_to_file($file, sprintf <<'LUA', join(',', map { qq("$_") } @ids), $call->{method} // 'GET', $call->{path}, $call->{body} // '', $token);
local ids = { %s }
local method, path, body = "%s", "%s", [[%s]]
local headers = { ["Authorization"] = "Bearer %s", ["Content-Type"] = "application/json" }
request = function()
    local id, n = ids[math.random(#ids)], math.random(30, 3600)
    local fill = function(text) return (text:gsub("{id}", id):gsub("{n}", n)) end
    return wrk.format(method, fill(path), headers, method ~= "GET" and fill(body) or nil)
end
LUA
    return $file;
}

# Milliseconds of CPU that the processes have used so far: the server's with all its own, and PostgREST.
sub cpu_of
{
    my ($root) = @_;
    my $ticks = 0;
    foreach my $pid ($root, descendants($root))
    {
        open my $file, '<', "/proc/$pid/stat" or next;
        my $stat = <$file> // next;
        my @field = split / /, $stat =~ s/^.*\) //r;
        $ticks += $field[11] + $field[12];
    }
    return $ticks * 1000 / sysconf(_SC_CLK_TCK);
}

my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
my $postgrest = $rest->{process}{postgrest}{KIDS}[0]{PID};

sub measure
{
    my ($call) = @_;
    my $url = $call->{nginx} ? $rest->url : $rest->postgrest_url;
    my @before = (cpu_of($postmaster), cpu_of($postgrest));
    my $out = `$wrk -t1 -c$connections -d${seconds}s --timeout 30s --latency -s $call->{lua} $url$call->{path} 2>&1`;
    my @after = (cpu_of($postmaster), cpu_of($postgrest));
    my ($count) = $out =~ /(\d+) requests in/ or die "$call->{name}: $out";
    die "$call->{name}: $out" if $out =~ /Non-2xx|Socket errors/ || $count == 0;
    my ($rate) = $out =~ m{Requests/sec:\s+([\d.]+)};
    my ($p99, $unit) = $out =~ /99%\s+([\d.]+)(us|ms|s)/;
    push @{ $call->{rate} }, $rate;
    push @{ $call->{p99} }, $p99 * { us => 0.001, ms => 1, s => 1000 }->{$unit};
    push @{ $call->{server} }, ($after[0] - $before[0]) / $count;
    push @{ $call->{gateway} }, ($after[1] - $before[1]) / $count;
    return;
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[ @sorted / 2 ]; }

$_->{lua} = lua($_) foreach @calls;
my $answer = $rest->request('GET', '/fleet_status', direct => 1, token => $token);
is(scalar @{ $answer->{json} }, $servers, "fleet_status has $servers rows, " . length($answer->{body}) . ' bytes');
foreach my $round (0 .. $rounds)
{
    measure($_) foreach @calls;
    next if $round > 0;
    # Connections, caches and plans.
    delete @{$_}{qw(rate p99 server gateway)} foreach @calls;
}

note(sprintf '%-32s %10s %8s %10s %16s %16s', "$connections connections", 'requests/s', 'of one', 'p99', 'PostgreSQL CPU', 'PostgREST CPU');
foreach my $call (@calls)
{
    my $share = median(map { $call->{rate}[$_] / $calls[0]{rate}[$_] } 0 .. $rounds - 1);
    note(sprintf '%-32s %10.0f %7.0f%% %7.1f ms %13.3f ms %13.3f ms', $call->{name}, median(@{ $call->{rate} }), 100 * $share,
        median(@{ $call->{p99} }), median(@{ $call->{server} }), median(@{ $call->{gateway} }));
}
note('load average ' . (split / /, slurp_file('/proc/loadavg'))[0] . ', ' . POSIX::sysconf(84) . ' cores');

$rest->stop;
$node->stop;
done_testing();
