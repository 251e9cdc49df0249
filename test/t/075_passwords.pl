# A password is opened and told to a prober when that has to log in, and at no other time; a poll whose connection is gone
# goes on with it, late by nothing and blamed on nobody. The prober is fleet_prober.pl.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use FleetProber;
use List::Util qw(min);
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $limit = 20;

my $prober = FleetProber->new;
my $node = new_cluster('passwords', install_path => $prober->install_path, conf => "vitals.concurrency = 4\nvitals.reload_interval = '1h'\nvitals.collection_timeout = '2s'");
ready_database($node, 'app');

sub sql { return $node->safe_psql('app', "SET vitals.tenant = 'acme'; $_[0]"); }
sub worker { return sql("SELECT $_[0] FROM vitals.worker_status"); }

# What the prober was told of the passwords of a host's polls, the oldest first: each is a password, or "-".
sub told
{
    my ($host) = @_;
    return map { $_->{password} // '-' } $prober->jobs($host, 'poll');
}

sub collect
{
    my ($server) = @_;
    is(sql("SELECT status FROM vitals.collect_now('$server')"), 'online', "$server is polled");
    return;
}

$node->safe_psql('app', q{
    SELECT vitals.create_tenant('acme');
    SET vitals.tenant = 'acme';
    SELECT vitals.add_server('kept', host => 'good', username => 'vitals', password => 'first');
    SELECT vitals.add_server('lost', host => 'forgets', username => 'vitals', password => 'second');
    SELECT vitals.add_server('keytab', host => 'good-1', username => 'vitals');
    SELECT count(vitals.collection_start(server)) FROM vitals.collection_status});
within($limit, 'all are polled', sub { sql("SELECT count(*) FROM vitals.collection_status WHERE status = 'online'") eq '3' });

# -- a connection that is kept
collect('kept');
is(join(' ', told('good')), 'first -', 'its password is told once');
sql("SELECT vitals.alter_server('kept', password => 'first')");
within($limit, 'which is told again when it is set', sub { join(' ', told('good')) eq 'first - first' });
collect('kept');
is(join(' ', told('good')), 'first - first -', 'the same one, since a login with it was wanted, but once');
sql("SELECT vitals.test_connection('kept')");
collect('kept');
is(join(' ', told('good')), 'first - first - -', 'nor do polls after a test, which has a login of its own, need it');

# -- one that is gone each time
my $polls = worker('polls');
collect('lost') foreach 1 .. 3;
is(join(' ', told('forgets')), 'second - second - second - second', 'it is told where it is needed');
is(worker('polls') - $polls, '3', 'and these are no polls of their own');
is(worker('polls_failed + polls_lost'), '0', 'nor failed, nor lost');
is(sql("SELECT count(*) FROM tenant_acme.server_events WHERE new_status <> 'online'"), '0', 'nor a change of how the server is');

# What is left of the time is what it gets. A poll may take two seconds.
sql("SELECT vitals.alter_server('lost', host => 'forgets-700', password => 'second')");
within($limit, 'a server that is slow is polled', sub { scalar(told('forgets-700')) == 1 });
collect('lost');
my @deadlines = map { $_->{deadline_ms} } $prober->jobs('forgets-700', 'poll');
is("@deadlines[0, 1]", '2000 2000', 'a poll has all of its time');
cmp_ok($deadlines[2], '<=', 1300, 'one that goes on has what is left');
cmp_ok($deadlines[2], '>', 300, 'and not less');
cmp_ok(sql("SELECT extract(epoch FROM duration) FROM vitals.collection_status WHERE server = 'lost'"), '>=', 1.4, 'it is said to have taken all that it took');

# -- a prober that ends keeps nothing
kill 'KILL', prober_pid($node, 'app', 'acme');
within($limit, 'the prober is replaced', sub { sql("SELECT restarts FROM vitals.probers") eq '1' || do { collect('kept'); 0 } });
collect('kept') foreach 1 .. 2;
my @since = told('good');
is($since[-1], '-', 'the next one has a connection');
cmp_ok(scalar(grep { $_ eq 'first' } @since), '==', 3, 'and was told the password for it once');

# -- where there is none
collect('keytab');
is(join('', told('good-1')), '-' x scalar(told('good-1')), 'none is told where there is none');

# -- many at a time, of which each second one is told twice
sql(q{SELECT count(vitals.add_server('many' || n, host => CASE n % 2 WHEN 0 THEN 'forgets-5' ELSE 'slow-5' END, username => 'vitals', password => 'many')) FROM generate_series(1, 100) AS n});
$node->safe_psql('app', q{
    ALTER TABLE tenant_acme.collection_config DROP CONSTRAINT collection_config_interval_seconds_check;
    UPDATE tenant_acme.collection_config SET enabled = true, interval_seconds = 1;
    SELECT vitals.notify_collector()});
my $lost = worker('polls_lost');
within(2 * $limit, 'a fleet is polled', sub { worker('samples_stored') > 1000 });
is(sql("SELECT count(*) FROM vitals.collection_status WHERE server LIKE 'many%' AND status <> 'online'"), '0', 'and all of it is online');
is(worker('polls_failed'), '0', 'nothing failed');
is(worker('polls_lost'), $lost, 'nothing was lost');

# -- a collector that is away, while some wait for their passwords
$node->safe_psql('app', q{
    CREATE FUNCTION public.take_time() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(1.5); RETURN NULL; END';
    CREATE TRIGGER take_time AFTER UPDATE ON tenant_acme.collection_state FOR EACH STATEMENT EXECUTE FUNCTION public.take_time()});
my $stored = worker('samples_stored');
within(3 * $limit, 'it stores', sub { worker('samples_stored') > $stored + 200 });
$node->safe_psql('app', 'DROP TRIGGER take_time ON tenant_acme.collection_state');
cmp_ok(min(map { $_->{deadline_ms} } $prober->jobs('forgets-5', 'poll')), '>', 1500, 'that is not taken from their time');

# -- the end, with a poll that would go on
sql("SELECT vitals.alter_server('lost', host => 'forgets-800', password => 'second')");
within($limit, 'it is polled, and again', sub { join(' ', told('forgets-800')) =~ /second -$/ });
my $from = -s $node->logfile;
$node->restart;
unlike(slurp_file($node->logfile, $from), qr/the collector ends and loses|did not end a poll in time/, 'what was in flight was stored, also what needed its password');
within($limit, 'it goes on after a restart', sub { worker('polls') > 100 });
is(sql("SELECT count(*) FROM tenant_acme.server_events WHERE new_status <> 'online'"), '0', 'and no server was ever anything else than online');

$node->stop;
done_testing();
