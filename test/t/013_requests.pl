# Connection tests that nobody waits for any more: a tenant can leave as many behind as it likes, each with a deadline of
# its choice. They must not pile up in the collector and in the prober.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IO::Socket::INET;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('requests');
ready_database($node, 'app');

# Takes connections and says nothing.
my $silent = IO::Socket::INET->new(Listen => 100, LocalAddr => '127.0.0.1', LocalPort => 0) or die "cannot listen: $!";
my $port = $silent->sockport;
my $server = $node->safe_psql('app', "SELECT vitals.create_tenant('t') \\gset\n"
      . "SELECT vitals.add_server('s', host => '127.0.0.1', port => $port, username => 'u', password => 'p')");

sub test_with_timeout
{
    my ($timeout, $settings) = @_;
    my ($code, $out, $err) = $node->psql('app', "$settings SELECT vitals.request_check(tenant_key, '$server', $timeout) FROM vitals.tenants");
    return $err;
}

like(test_with_timeout(300_001, ''), qr/timeout must not be longer than 5 minutes/, 'no test takes longer than vitals.test_connection allows');

my $error;
within(20, 'tests that were left behind are limited',
    sub { ($error = test_with_timeout(300_000, q(SET statement_timeout = '100ms';))) =~ /too many/i });
like($error, qr/Too many tests of this tenant are running/, 'and so the next one is refused');
cmp_ok($node->safe_psql('app', 'SELECT in_flight FROM vitals.probers'), '<=', 16, 'no more of them are in flight');

$node->stop;
done_testing();
