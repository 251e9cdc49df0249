# From a SQL Server to a stored sample: values against the fixture, every kind of failure as its user sees it, and what it
# costs the others (nothing). The servers are simulated.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use JSON::PP;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SimulatedServers;
use Test::More;

my $sample_limit = 10;

my $servers = SimulatedServers->new(servers => 12);
my $node = new_cluster('mssql', conf =>
        "vitals.prober_memory_limit = '128MB'\nlog_statement = none\nvitals.collection_timeout = '2s'\nvitals.offline_after = 1\nvitals.ca_directory = '" . $servers->ca_directory . "'");
ready_database($node, 'app');
$node->safe_psql('app', "SELECT vitals.create_tenant('acme')");

sub add
{
    my ($name, $number, %more) = @_;
    my $ca = $servers->ca;
    add_polled_server($node, 'app', 'acme', $name, host => "'localhost'", port => $servers->port($number), username => "'vitals'",
        password => "'vitals'", metrics => "'{*}'", options => qq('{"ca_file": "$ca"}'), %more);
    return;
}

sub sql { return $node->safe_psql('app', "SET vitals.tenant = 'acme'; $_[0]"); }
sub error_of { return sql("SELECT last_error FROM vitals.collection_status WHERE server = '$_[0]'"); }
sub value { return sql("SELECT coalesce(value::text, 'NULL') FROM vitals.latest_metrics WHERE server = '$_[0]' AND metric = '$_[1]'"); }

# -- values
add('sql01', 0);
within($sample_limit, 'the first sample is stored', sub { snapshots_of($node, 'app', 'acme', 'sql01') == 1 });
is(status_of($node, 'app', 'acme', 'sql01'), 'online|', 'the server is online');
my %first = (cpu_percent => 'NULL', batch_requests_sec => 'NULL', wait_time_ms => 'NULL', disk_io_reads => 'NULL',
    disk_io_writes => 'NULL', memory_percent => '75.00', connection_count => '18', page_life_expectancy => '5400', blocked_processes => '0');
is(value('sql01', $_), $first{$_}, "first sample: $_ is $first{$_}") foreach sort keys %first;
cmp_ok(value('sql01', 'clock_skew_ms'), '<', -1000, 'the clock of the fixture is behind ours');
sql("SELECT vitals.collection_config_put('sql01', interval_seconds => 30)");
is($servers->stats(0)->{connects}, 1, 'one connection was made');
is($servers->stats(0)->{plain_text_batches}, 0, 'and nothing went over it in clear text');
like($servers->stats(0)->{last_application}, qr/pg_vitals/, 'the server sees who asks');

# -- what a failure looks like
my %failures = (
    refused => [ 1, 'refuse', qr/^nothing listens on localhost port \d+$/, 'offline|refused' ],
    silent => [ 2, 'silent', qr/./, 'offline|timeout' ],
    drip => [ 3, 'drip', qr/./, 'offline|timeout' ],
    stall => [ 4, 'stall', qr/./, 'offline|timeout' ],
    upgrade => [ 5, 'login-error=18401', qr/script upgrade/i, 'offline|starting' ],
    http => [ 6, 'http', qr/./, 'offline|protocol' ],
    downgrade => [ 7, 'encrypt-downgrade', qr/./, 'offline|tls' ]);
foreach my $name (sort keys %failures)
{
    my ($number, $fault) = @{ $failures{$name} };
    $servers->control($number, fault => $fault);
    add($name, $number);
}
add('password', 8, password => "'wrong secret'");
add('unknown', 8, host => "'no-such-host.invalid'");
add('wrongname', 8, host => "'127.0.0.1'", options => sprintf(q('{"ca_file": "%s", "hostname_in_certificate": "other.test"}'), $servers->ca));
add('untrusted', 8, options => "'{}'");
$servers->control(9, view_state => JSON::PP::false);
add('nopermission', 9);
%failures = (%failures,
    password => [ 8, '', qr/^login failed for user "vitals"/, 'offline|login' ],
    unknown => [ 8, '', qr/no-such-host\.invalid/, 'offline|name_lookup' ],
    wrongname => [ 8, '', qr/certificate/, 'offline|tls' ],
    untrusted => [ 8, '', qr/certificate/, 'offline|tls' ],
    nopermission => [ 9, '', qr/permission/, 'degraded|permission' ]);
foreach my $name (sort keys %failures)
{
    my (undef, undef, $message, $status) = @{ $failures{$name} };
    within($sample_limit, "$name: $status", sub { status_of($node, 'app', 'acme', $name) eq $status })
      or diag(status_of($node, 'app', 'acme', $name));
    like(error_of($name), $message, "$name: with a readable message");
    note(error_of($name));
    is(count_in_log($node, qr/server "$name" of tenant "acme" is/), 1, "$name: one line in the log");
}
is(status_of($node, 'app', 'acme', 'sql01'), 'online|', 'the good server is still online');
is(sql(q{SELECT string_agg(server, ' ' ORDER BY server) FROM vitals.collection_status
         WHERE server IN ('silent', 'drip', 'stall') AND login_ms > 1500 AND query_ms = 0 AND round_trips = 0}), 'drip silent stall',
    'of those that timed out it was the login that took the time');
is(sql(q{SELECT bytes > 0 FROM vitals.collection_status WHERE server = 'stall'}), 't', 'over which something was sent');
is(sql('SELECT restarts FROM vitals.probers'), '0', 'no prober was lost over any of it');
is($servers->stats(7)->{plain_text_batches}, 0, 'no batch followed a downgrade');

# -- no secret anywhere
unlike(slurp_file($node->logfile), qr/wrong secret/, 'no password in the log');
my ($dump) = run_command([ 'pg_dump', '-d', $node->connstr('app') ]);
unlike($dump, qr/wrong secret/, 'nor in a dump');

# -- preflight
# Of a server whose clock is right, which that of the recorded answers is not.
$servers->control(10, replay => 'live');
add('live', 10);
my $checks = sql(q{SELECT "check", ok FROM vitals.test_connection('live')});
unlike($checks, qr/\|f/, 'the preflight of a good server finds nothing');
like($checks, qr/^login\|t$/m, 'it logs in');
like(sql(q{SELECT detail || ' / ' || remedy FROM vitals.test_connection('password') WHERE NOT ok}), qr/Login failed.* \/ ./s,
    'that of a wrong password says so, and what to do');
my ($code, $out, $err) = $node->psql('app', "SELECT * FROM vitals.test_connection('none')");
like($err, qr/server not found/, 'that of an unknown server is an error');

# -- a server that answers with more than there is memory for: FreeTDS takes the refusal as the end of the connection, and
# what runs out of memory elsewhere ends the prober (serve_test.cpp)
my $probers = "SELECT pid, restarts FROM vitals.probers WHERE tenant = 'acme'";
my $before = sql($probers);
$servers->control(11, fault => 'huge-row=400');
sql("SELECT vitals.create_tenant('greedy')");
add_polled_server($node, 'app', 'greedy', 'huge', host => "'localhost'", port => $servers->port(11), username => "'vitals'",
    password => "'vitals'", options => sprintf(q('{"ca_file": "%s"}'), $servers->ca));
within($sample_limit, 'huge: its server is offline', sub { status_of($node, 'app', 'greedy', 'huge') =~ /^offline/ });
note(status_of($node, 'app', 'greedy', 'huge'));
my ($most_kb) = slurp_file('/proc/' . prober_pid($node, 'app', 'greedy') . '/status') =~ /^VmHWM:\s+(\d+)/m;
cmp_ok($most_kb, '<', 128 * 1024, 'huge: the prober stayed below its limit');
is(sql($probers), $before, 'the other tenant did not notice');

# -- a server that has closed the connection, and one whose password is changed while it is kept
within($sample_limit, 'live: it is polled', sub { status_of($node, 'app', 'acme', 'live') eq 'online|' });
my $logins = $servers->stats(10)->{logins};
$servers->control(10, drop => JSON::PP::true);
is(sql("SELECT status FROM vitals.collect_now('live')"), 'online', 'live: it is polled also after the server has closed the connection');
is($servers->stats(10)->{logins}, $logins + 1, 'live: for which it was logged in to again');
is(sql("SELECT login_ms > 0 FROM vitals.collection_status WHERE server = 'live'"), 't', 'live: as is shown');
is(sql('SELECT polls_lost FROM vitals.worker_status'), '0', 'and no poll was lost');
sql("SELECT vitals.set_credential('live', 'vitals', 'wrong secret')");
within($sample_limit, 'live: a wrong password is not hidden by a connection that is good',
    sub { status_of($node, 'app', 'acme', 'live') eq 'offline|login' });
sql("SELECT vitals.set_credential('live', 'vitals', 'vitals')");
within($sample_limit, 'live: the right one is tried at once', sub { status_of($node, 'app', 'acme', 'live') eq 'online|' });

# -- a server that hangs with the connection kept
$servers->control(10, fault => 'silent-after-login');
$node->psql('app', "SET vitals.tenant = 'acme'; SELECT vitals.collect_now('live')");
within($sample_limit, 'live: it times out', sub { status_of($node, 'app', 'acme', 'live') eq 'offline|timeout' });
is(sql(q{SELECT login_ms, query_ms > 1500, bytes > 0, round_trips > 0 FROM vitals.collection_status WHERE server = 'live'}), '0|t|t|t',
    'and it was the queries that took the time');

# -- a server comes back
$servers->control(1, fault => 'none');
poll_again($node, 'app', 'acme', 'refused');
within($sample_limit, 'a server that is back is online', sub { status_of($node, 'app', 'acme', 'refused') eq 'online|' });
is(sql("SELECT string_agg(old_status || '>' || new_status, ' ' ORDER BY event_key) FROM tenant_acme.server_events AS e
        JOIN tenant_acme.servers AS s ON s.id = server_id WHERE s.name = 'refused'"),
    'unknown>offline offline>online', 'each change of its status is an event');

# -- rates: the second sample of the first server, 60 s later by the server's own clock
# A second poll is at most one and a half intervals away.
within(46, 'the second sample is stored', sub { snapshots_of($node, 'app', 'acme', 'sql01') >= 2 });
my %second = (cpu_percent => '42.00', batch_requests_sec => '1200.00', wait_time_ms => '136158', disk_io_reads => '150.00',
    disk_io_writes => '447.70', memory_percent => '81.25', connection_count => '20', page_life_expectancy => '5460', blocked_processes => '2');
is(value('sql01', $_), $second{$_}, "second sample: $_ is $second{$_}") foreach sort keys %second;
is(sql("SELECT interval_ms FROM tenant_acme.server_snapshots JOIN tenant_acme.servers AS s ON s.id = server_id
        WHERE name = 'sql01' AND interval_ms IS NOT NULL"), '60000', "over the interval of the server's own clock");
is($servers->stats(0)->{connects}, 1, 'over the same connection');

$node->stop;
$servers->stop;
done_testing();
