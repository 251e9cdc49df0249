# The collector holds a socket for each prober, beside the files of relations that the server keeps open for it up to the
# limit of the process. The files give way.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $start_limit = 30;
my $tenants = 25;

# Of this process, and so of the server that it starts.
system_or_bail('prlimit', '--pid', $$, '--nofile=140:');
my $node = new_cluster('descriptors', conf => "vitals.reload_interval = '200ms'");
ready_database($node, 'app');
foreach my $number (1 .. $tenants)
{
    $node->safe_psql('app', "SELECT vitals.create_tenant('t$number'); SET vitals.tenant = 't$number';"
          . "SELECT vitals.add_server('s', host => '127.0.0.1', port => 1); SELECT vitals.collection_start('s')");
}
within($start_limit, 'every tenant has its prober',
    sub { $node->safe_psql('app', 'SELECT count(pid) FROM vitals.probers') eq $tenants });
is(count_in_log($node, qr/Too many open files/, 0), 0, 'and none ran out of descriptors');

$node->stop;
done_testing();
