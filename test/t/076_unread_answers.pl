# What a prober has answered in time and its collector has not read yet, since it was storing, is not overdue: nobody is
# ended or blamed for it. The prober is fleet_prober.pl.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use FleetProber;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $limit = 120;

my $prober = FleetProber->new;
my $node = new_cluster('unread', install_path => $prober->install_path, conf => "vitals.concurrency = 40\nvitals.reload_interval = '1h'\nvitals.collection_timeout = '1s'");
ready_database($node, 'app');
sub worker { return $node->safe_psql('app', "SELECT $_[0] FROM vitals.worker_status"); }

# Answers of 60 KB, of which more are in flight than the collector reads at once, and a table that takes longer than a poll and
# the patience with its prober together.
$node->safe_psql('app', q{
    CREATE FUNCTION public.take_time() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(1.5); RETURN NULL; END';
    SELECT vitals.create_tenant('acme');
    SET vitals.tenant = 'acme';
    SELECT count(vitals.add_server('large' || n, host => 'large-900')) FROM generate_series(1, 120) AS n;
    CREATE TRIGGER take_time AFTER UPDATE ON tenant_acme.collection_state FOR EACH STATEMENT EXECUTE FUNCTION public.take_time();
    ALTER TABLE tenant_acme.collection_config DROP CONSTRAINT collection_config_interval_seconds_check;
    UPDATE tenant_acme.collection_config SET enabled = true, interval_seconds = 4;
    SELECT vitals.notify_collector()});
within($limit, 'polls are stored', sub { worker('samples_stored') > 150 });
is($node->safe_psql('app', 'SELECT restarts FROM vitals.probers'), '0', 'no prober was ended')
  or diag($node->safe_psql('app', 'SELECT last_exit FROM vitals.probers'));
is(worker('polls_failed + polls_lost'), '0', 'no poll failed or was lost');

# -- one that hangs all the same
my $restarts = "SELECT restarts FROM vitals.probers WHERE last_exit = 'did not end a poll in time'";
kill 'STOP', prober_pid($node, 'app', 'acme');
within($limit, 'a prober that hangs is ended also by a collector that is away most of the time', sub { $node->safe_psql('app', $restarts) eq '1' });

$node->stop;
done_testing();
