# A fleet with every metric on: hundreds of values a collection, under names that no other server has, so that each first
# collection makes a set of series of its own. All of it is stored, and storing does not fall behind.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SimulatedServers;
use Test::More;

my $servers = 60;
my $simulator = SimulatedServers->new(servers => $servers, replay => 'live', seed => 7);
my $node = new_cluster('large', conf => "vitals.concurrency = 20\nvitals.ca_directory = '" . $simulator->ca_directory . "'");
ready_database($node, 'app');
$node->safe_psql('app', "SELECT vitals.create_tenant('acme')");

sub sql { return $node->safe_psql('app', "SET vitals.tenant = 'acme'; $_[0]"); }

sql(join ";\n", (map {
    sprintf q{SELECT vitals.add_server('s%d', host => 'localhost', port => %d, username => 'vitals', password => 'vitals',
              options => jsonb_build_object('ca_file', '%s'), metrics => '{*}')}, $_, $simulator->port($_ - 1), $simulator->ca
} 1 .. $servers), 'UPDATE tenant_acme.collection_config SET enabled = true, interval_seconds = 30', 'SELECT vitals.notify_collector()');

within(120, 'a first collection of each server is stored', sub {
    sql('SELECT count(DISTINCT server_id) FROM tenant_acme.server_snapshots WHERE set_key IS NOT NULL') eq $servers });
cmp_ok(sql('SELECT min(cardinality(vals)) FROM tenant_acme.server_snapshots WHERE set_key IS NOT NULL'), '>', 300, 'with hundreds of values');
within(120, 'and a second one', sub {
    sql('SELECT count(*) FROM (SELECT FROM tenant_acme.server_snapshots WHERE set_key IS NOT NULL GROUP BY server_id HAVING count(*) > 1) AS s') eq $servers });
is(sql('SELECT samples_dropped FROM vitals.worker_status'), '0', 'nothing was dropped');
is(sql('SELECT problem FROM vitals.tenants'), '', 'the tenant has no problem');
unlike(slurp_file($node->logfile), qr/could not store samples/, 'and had none');

$node->stop('fast');
$simulator->stop;
done_testing();
