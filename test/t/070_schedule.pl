# A fleet on schedule, whatever part of it is broken: servers that are down are probed and leave their rows, black holes and
# large tenants delay nobody, and a collector that is told to end stores what is in flight. The prober is
# fleet_prober.pl.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use FleetProber;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $sample_limit = 10;

my $prober = FleetProber->new;
my $node = new_cluster('schedule', install_path => $prober->install_path,
    conf => "vitals.collection_timeout = '1s'\nvitals.concurrency = 12\nvitals.offline_after = 2");
ready_database($node, 'app');

sub sql { return $node->safe_psql('app', $_[0]); }
sub worker { return sql("SELECT $_[0] FROM vitals.worker_status"); }

sub jobs { return $prober->jobs(@_); }

# Servers of a tenant that are all switched on in one transaction.
sub add_fleet
{
    my ($tenant, $prefix, $count, $host, $interval) = @_;
    $interval //= 30;
    sql(qq{SET vitals.tenant = '$tenant';
        SELECT count(vitals.add_server('$prefix' || n, host => '$host')) FROM generate_series(1, $count) AS n;
        UPDATE tenant_$tenant.collection_config SET enabled = true, interval_seconds = $interval
            WHERE server_id IN (SELECT id FROM tenant_$tenant.servers WHERE name LIKE '$prefix%');
        SELECT vitals.notify_collector()});
    return;
}

sql("SELECT vitals.create_tenant('$_')") foreach qw(acme large small);

# -- a server that is down
add_polled_server($node, 'app', 'acme', 'down', host => "'switch'");
sql("SET vitals.tenant = 'acme'; SELECT vitals.collection_config_put('down', interval_seconds => 30)");
within($sample_limit, 'a server that was never reached is offline with its first failure',
    sub { status_of($node, 'app', 'acme', 'down') eq 'offline|refused' });
is(scalar(jobs('switch', 'poll')), 1, 'it was polled once');
is(sql("SELECT next_probe_at - last_started_at BETWEEN '9.9 s' AND '12 s' FROM tenant_acme.collection_state"), 't', 'and its first probe is shown');

# -- black holes, at the same time
add_fleet('acme', 'hole', 90, 'hole');
add_fleet('acme', 'good', 10, 'good');
within(60, 'each was polled once', sub {
    sql("SELECT count(*) FROM tenant_acme.collection_state WHERE status IN ('offline', 'online')") eq '101' });
within($sample_limit, 'those that are down are shown', sub { worker('down') eq '91' });

# -- it is probed, and each of its cycles leaves a row
within(15, 'it was probed', sub { scalar(jobs('switch', 'probe')) > 0 });
cmp_ok((jobs('switch', 'probe'))[0]{at} - (jobs('switch', 'poll'))[0]{at}, '>', 9.5, 'after ten seconds');
is(scalar(jobs('switch', 'poll')), 1, 'and not polled again');
within(46, 'the cycle that passed left a row', sub { snapshots_of($node, 'app', 'acme', 'down') >= 2 });
is(scalar(jobs('switch', 'poll')), 1, 'without a connection');
is(sql("SELECT DISTINCT n.status, n.set_key IS NULL, n.vals IS NULL FROM tenant_acme.server_snapshots AS n
        JOIN tenant_acme.servers AS s ON s.id = n.server_id WHERE s.name = 'down'"), 'offline|t|t', 'with its status and no values');
is(sql("SELECT count(*) FROM tenant_acme.server_snapshots AS n JOIN tenant_acme.servers AS s ON s.id = n.server_id
        WHERE s.name = 'down' AND n.duration_ms IS NULL"), snapshots_of($node, 'app', 'acme', 'down') - 1, 'nor a duration, but for the first');
is(sql("SELECT count(*) FROM tenant_acme.server_events AS e JOIN tenant_acme.servers AS s ON s.id = e.server_id
        WHERE s.name = 'down'"), '1', 'there was one change of its status');
cmp_ok(worker('cycles_passed'), '>', 0, 'cycles that passed are counted');

# -- what is there keeps its schedule
my $polled_before = sql("SELECT count(*) FROM tenant_acme.server_snapshots WHERE status = 'online'");
within(40, 'the living are polled again', sub {
    sql("SELECT count(*) FROM tenant_acme.server_snapshots WHERE status = 'online'") >= $polled_before + 10 });
cmp_ok(sql("SELECT max(st.lag_ms) FROM tenant_acme.collection_state AS st WHERE st.status = 'online'"), '<', 1000,
    'ninety black holes delay none of the living by a second');
is(sql("SELECT max(n) - min(n) <= 1 FROM (SELECT count(*) AS n FROM tenant_acme.server_snapshots AS p
        JOIN tenant_acme.servers AS s ON s.id = p.server_id WHERE s.name LIKE 'good%' GROUP BY s.id) AS c"), 't', 'and none missed a cycle');
like(sql("SELECT error_class, polls >= 90 FROM vitals.worker_failures WHERE error_class = 'timeout'"), qr/^timeout\|t$/,
    'failures are counted by class');

# -- it is back
append_to_file($prober->file('switch'), 'up');
within(60, 'a probe that is answered leads to a poll at once', sub { status_of($node, 'app', 'acme', 'down') eq 'online|' });
cmp_ok((jobs('switch', 'poll'))[-1]{at} - (jobs('switch', 'probe'))[-1]{at}, '<', 1, 'within a second');
is(sql("SELECT string_agg(e.old_status || '>' || e.new_status, ' ' ORDER BY e.event_key) FROM tenant_acme.server_events AS e
        JOIN tenant_acme.servers AS s ON s.id = e.server_id WHERE s.name = 'down'"), 'unknown>offline offline>online', 'and is an event');
is(sql("SET vitals.tenant = 'acme'; SELECT next_probe_at IS NULL FROM vitals.collection_status WHERE server = 'down'"), 't', 'it is probed no more');
is(count_in_log($node, qr/server "down" of tenant "acme" is/), 2, 'one line in the log for each change');

# -- a user who asks for a server that is down gets a poll
my $polls = scalar(jobs('hole', 'poll'));
is(sql("SET vitals.tenant = 'acme'; SELECT c.status, c.error_class FROM vitals.collect_now('hole1') AS c"), 'offline|timeout',
    'somebody who waits for a poll of a server that is down gets one');
is(scalar(jobs('hole', 'poll')), $polls + 1, 'and no probe instead');
sql("UPDATE tenant_acme.collection_config SET enabled = false; SELECT vitals.notify_collector()");
within(5, 'nothing of this tenant is left', sub { worker('targets, down') eq '0|0' });

# -- a large tenant and a small one
add_fleet('large', 'slow', 120, 'slow-900');
within($sample_limit, 'more is due than there are places for', sub { worker('due') > 50 && worker('overdue') > 50 });
is(worker('in_flight <= 12'), 't', 'no more are in flight than there are places');
add_fleet('small', 'few', 3, 'good');
within(3, 'the few servers of another tenant find a place', sub {
    sql("SELECT count(*) FROM tenant_small.collection_state WHERE status = 'online'") eq '3' });
cmp_ok(worker('due'), '>', 30, 'while the large one still waits');
sql("UPDATE tenant_large.collection_config SET enabled = false; SELECT vitals.notify_collector()");
within(5, 'the large tenant is off', sub { worker('targets') eq '3' });

# -- cycles that nothing could be done for in time: two servers that are polled one after the other, for longer than their interval
$node->append_conf('postgresql.conf', "vitals.concurrency = 1\nvitals.collection_timeout = '10s'");
$node->reload;
# The collector takes intervals that the table does not: its owner can change that.
sql("SELECT format('ALTER TABLE tenant_large.collection_config DROP CONSTRAINT %I', c.conname) FROM pg_constraint AS c
     WHERE c.conrelid = 'tenant_large.collection_config'::regclass AND pg_get_constraintdef(c.oid) LIKE '%interval_seconds%' \\gexec");
my $skipped = worker('cycles_skipped');
add_fleet('large', 'late', 2, 'slow-1500', 1);
my $late = "SELECT n.*, n.collected_at - lag(n.collected_at) OVER of_server AS since, lag(n.status, 1, 'unknown') OVER of_server AS status_before,
                count(n.duration_ms) OVER (PARTITION BY n.server_id) AS polls
            FROM tenant_large.server_snapshots AS n JOIN tenant_large.servers AS s ON s.id = n.server_id WHERE s.name LIKE 'late%'
            WINDOW of_server AS (PARTITION BY n.server_id ORDER BY n.collected_at)";
within(60, 'each was polled three times', sub { sql("SELECT count(DISTINCT l.server_id) FROM ($late) AS l WHERE l.polls >= 4") eq '2' });
cmp_ok(sql("SELECT extract(epoch FROM max(l.since)) FROM ($late) AS l"), '<', 2.2, 'each of their cycles left a row');
cmp_ok(sql("SELECT count(*) FILTER (WHERE l.duration_ms IS NULL) FROM ($late) AS l"), '>', 4, 'also those without a poll');
is(sql("SELECT count(*) FROM ($late) AS l WHERE l.duration_ms IS NULL
        AND (l.status <> l.status_before OR l.vals IS NOT NULL OR l.interval_ms IS NOT NULL)"), '0', 'with the status before and no values');
is(sql("SELECT count(*) FROM tenant_large.collection_state AS st JOIN tenant_large.servers AS s ON s.id = st.server_id
        WHERE s.name LIKE 'late%' AND st.status = 'online' AND st.last_collected_at =
            (SELECT max(n.collected_at) FROM tenant_large.server_snapshots AS n WHERE n.server_id = st.server_id)"), '2', 'the poll is newer than they');
sql("UPDATE tenant_large.collection_config SET enabled = false; SELECT vitals.notify_collector()");
within(5, 'they are off', sub { worker('targets') eq '3' });
cmp_ok(worker('cycles_skipped') - $skipped, '>=', sql("SELECT count(*) FROM ($late) AS l WHERE l.duration_ms IS NULL"), 'they are counted');
$node->append_conf('postgresql.conf', "vitals.concurrency = 12\nvitals.collection_timeout = '1s'");
$node->reload;

# -- a server that is switched off and on before what its poll said is stored
my $reader = background_session($node, 'app');
$reader->query('BEGIN; LOCK TABLE tenant_acme.collection_state IN SHARE MODE');
my $polls_before = worker('polls');
add_polled_server($node, 'app', 'acme', 'blink', host => "'refused'");
within($sample_limit, 'its status is logged', sub { count_in_log($node, qr/server "blink" of tenant "acme" is offline/) == 1 });
sql("SET vitals.tenant = 'acme'; SELECT vitals.collection_stop('blink')");
within($sample_limit, 'it is off', sub { worker('targets') eq '3' });
sql("SET vitals.tenant = 'acme'; SELECT vitals.collection_start('blink')");
within($sample_limit, 'it is polled again', sub { scalar(jobs('refused', 'poll')) == 2 && worker('polls') >= $polls_before + 2 && worker('in_flight') eq '0' });
is(snapshots_of($node, 'app', 'acme', 'blink'), '0', 'nothing of it is stored yet');
is(count_in_log($node, qr/server "blink" of tenant "acme" is offline/), 1, 'its status is still logged once');
$reader->query('COMMIT');
sql("SET vitals.tenant = 'acme'; SELECT vitals.collection_stop('blink')");

# -- the end: what is in flight is stored
within($sample_limit, 'nothing is in flight', sub { worker('in_flight') eq '0' });
add_polled_server($node, 'app', 'small', 'late', host => "'slow-700'");
within($sample_limit, 'a poll is in flight', sub { scalar(jobs('slow-700', 'poll')) == 1 });
takes_less_than(3, 'pg_ctl stop waits for the poll', sub { $node->stop('fast') });
$node->start;
within($sample_limit, 'the server is up', sub { collector_serves($node, 'app') });
is(sql("SELECT count(*) > 0 FROM tenant_small.server_snapshots AS n JOIN tenant_small.servers AS s ON s.id = n.server_id
        WHERE s.name = 'late' AND n.status = 'online'"), 't', 'and it was stored');

# -- the end: what takes longer than the grace time is given up
$node->append_conf('postgresql.conf', "vitals.shutdown_grace = '200ms'\nvitals.collection_timeout = '20s'");
$node->reload;
add_polled_server($node, 'app', 'small', 'later', host => "'slow-15000'");
within($sample_limit, 'a long poll is in flight', sub { scalar(jobs('slow-15000', 'poll')) == 1 });
my $offset = -s $node->logfile;
takes_less_than(2, 'pg_ctl stop does not wait for it', sub { $node->stop('fast') });
is(count_in_log($node, qr/the collector ends and loses [1-9][0-9]* samples/, $offset), 1, 'what is lost is counted in the log');
$node->start;
within($sample_limit, 'the server is up again', sub { collector_serves($node, 'app') });

# -- the postmaster tells a process and its group, and both may arrive: that is one request
within($sample_limit, 'the long poll is in flight again', sub { scalar(jobs('slow-15000', 'poll')) == 2 });
$offset = -s $node->logfile;
my $collector = collector_pid($node, 'app');
kill 'TERM', $collector;
within($sample_limit, 'the first signal has arrived', sub { !is_pending($collector, 15) });
kill 'TERM', $collector;
within($sample_limit, 'what is lost is counted also then',
    sub { count_in_log($node, qr/the collector ends and loses [1-9][0-9]* samples/, $offset) });
within($sample_limit, 'there is a collector again', sub { collector_serves($node, 'app') });

# -- a second request to end does not wait
within($sample_limit, 'the long poll is in flight once more', sub { scalar(jobs('slow-15000', 'poll')) == 3 });
$node->append_conf('postgresql.conf', "vitals.shutdown_grace = '30s'");
$node->reload;
takes_less_than(4, 'DROP DATABASE does not wait for polls', sub { $node->safe_psql('postgres', 'DROP DATABASE app') });

$node->stop;
done_testing();

# Whether a signal waits for the process to take it.
sub is_pending
{
    my ($pid, $signal) = @_;
    open(my $file, '<', "/proc/$pid/status") or return 0;
    my @pending = map { /^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)/ ? hex $1 : () } <$file>;
    return scalar grep { $_ & 1 << $signal - 1 } @pending;
}
