# A collector that is busy storing has handed over what begins meanwhile: no more at a time than there are places, nobody is
# blamed for what had not begun when its prober ended, and at the end nothing is lost. The prober is fleet_prober.pl.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use FleetProber;
use List::Util qw(max);
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $limit = 30;
my $places = 4;

my $prober = FleetProber->new;
my $node = new_cluster('ahead', install_path => $prober->install_path, conf => "vitals.concurrency = $places\nvitals.reload_interval = '1h'");
ready_database($node, 'app');

sub sql { return $node->safe_psql('app', "SET vitals.tenant = 'acme'; $_[0]"); }
sub worker { return sql("SELECT $_[0] FROM vitals.worker_status"); }
sub prober { return sql("SELECT $_[0] FROM vitals.probers WHERE tenant = 'acme'"); }
sub begun_ahead { return grep { defined $_->{began} } $prober->asked; }

# More than can be polled, by a prober that answers in 20 ms and needs the passwords of a third each time, and a table that
# takes a fifth of a second for each batch.
sub take_time
{
    my ($seconds) = @_;
    return $node->safe_psql('app', "CREATE OR REPLACE FUNCTION public.take_time() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_catalog.pg_sleep($seconds); RETURN NULL; END'");
}
take_time(0.2);
$node->safe_psql('app', q{
    SELECT vitals.create_tenant('acme');
    SET vitals.tenant = 'acme';
    SELECT count(vitals.add_server('slow' || n, host => CASE n % 3 WHEN 0 THEN 'forgets-20' ELSE 'slow-20' END, username => 'u', password => 'p'))
        FROM generate_series(1, 300) AS n;
    CREATE TRIGGER take_time AFTER UPDATE ON tenant_acme.collection_state FOR EACH STATEMENT EXECUTE FUNCTION public.take_time();
    ALTER TABLE tenant_acme.collection_config DROP CONSTRAINT collection_config_interval_seconds_check;
    UPDATE tenant_acme.collection_config SET enabled = true, interval_seconds = 1;
    SELECT vitals.notify_collector()});

within($limit, 'polls are handed over ahead', sub { begun_ahead() >= 50 });
my $stored = worker('samples_stored');
within($limit, 'and stored', sub { worker('samples_stored') > $stored + 500 });
cmp_ok(max(map { $_->{running} } begun_ahead()), '<=', $places, 'no more run at a time than there are places');
is(worker("in_flight <= $places"), 't', 'nor are more shown to be in flight');
is(sql("SELECT count(*) FROM tenant_acme.collection_state WHERE lag_ms < 0"), '0', 'none began before it was due');
is(sql("SELECT count(*) FROM tenant_acme.collection_state WHERE status <> 'online'"), '0', 'all were good');

# -- its prober ends
my $lost = worker('polls_lost');
kill 'KILL', prober_pid($node, 'app', 'acme');
within($limit, 'the prober is replaced', sub { prober('restarts') eq '1' });
within($limit, 'and others are handed over ahead', sub { worker('samples_stored') > $stored + 1500 });
cmp_ok(worker('polls_lost') - $lost, '<=', $places, 'only what had begun is lost');
is(sql("SELECT count(*) FROM vitals.worker_failures WHERE error_class = 'prober_lost' AND polls > 0"), '0', 'and no server is blamed');

# -- servers that are removed and changed meanwhile
sql(q{SELECT count(vitals.remove_server('slow' || n)) FROM generate_series(1, 100) AS n;
    SELECT count(vitals.alter_server('slow' || n, host => 'slow-30', password => 'p')) FROM generate_series(101, 150) AS n;
    SELECT vitals.notify_collector()});
within($limit, 'a third is gone', sub { worker('targets') eq '200' });
$stored = worker('samples_stored');
within($limit, 'the others go on', sub { worker('samples_stored') > $stored + 500 });
is(worker('samples_dropped'), '0', 'nothing was dropped');

# -- a table that takes less than is polled
take_time(2);
within(4 * $limit, 'polls wait once enough waits to be stored', sub { worker('in_flight = 0 AND due > 100') eq 't' });
is(worker('samples_dropped'), '0', 'and nothing is dropped');
take_time(0.2);
$stored = worker('samples_stored');
within(4 * $limit, 'it goes on once they are stored', sub { worker("in_flight = $places AND samples_stored > $stored + 2000") eq 't' });

# -- the end
$node->safe_psql('app', 'ALTER TABLE tenant_acme.collection_state DISABLE TRIGGER take_time');
my $from = -s $node->logfile;
$node->restart;
unlike(slurp_file($node->logfile, $from), qr/the collector ends and loses/, 'what was in flight was stored');
within($limit, 'and it goes on', sub { worker('polls') > 100 });

# -- a prober that answers what was not to begin yet
$node->safe_psql('app', 'ALTER TABLE tenant_acme.collection_state ENABLE TRIGGER take_time');
append_to_file($prober->file('early'), 'early');
within($limit, 'is ended', sub { (prober('last_exit') // '') =~ /answered a job that had not begun/ });
unlink $prober->file('early');

$node->stop;
done_testing();
