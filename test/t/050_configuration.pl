# Changing how servers are collected while the collector runs: what was committed takes effect in time, what was rolled
# back never, and a poll on request is one like any other. The prober is rogue_prober.pl, which gives honest answers to
# hosts without a deed.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# By functions, and by direct changes of the tables.
my $function_limit = 1;
my $table_limit = 10;
# Storing what a poll that just ended has read.
my $sample_limit = 10;

my $node = new_cluster('configuration',
    install_path => server_tree_with_prober("$FindBin::RealBin/../perl/rogue_prober.pl"),
    conf => "vitals.collection_timeout = '2s'\nvitals.offline_after = 1");
ready_database($node, 'app');
$node->safe_psql('app', "SELECT vitals.create_tenant('t')");

sub sql { return $node->safe_psql('app', $_[0]); }
sub polls { return snapshots_of($node, 'app', 't', $_[0]); }
sub status { return status_of($node, 'app', 't', $_[0]); }
sub refused { my ($code, $out, $err) = $node->psql('app', $_[0], on_error_stop => 0); return $err; }
sub targets { return sql('SELECT targets FROM vitals.worker_status'); }
sub in_flight { return sql('SELECT in_flight FROM vitals.worker_status'); }

sub add { my ($name, $host) = @_; return sql("SELECT vitals.add_server('$name', host => '$host')"); }

# -- on, off, and the interval
add($_, 'good') foreach qw(one two);
sql("SELECT vitals.collection_start('one')");
within($function_limit, 'a server that was started is polled', sub { polls('one') == 1 });
sql("SELECT vitals.collection_start('one')");
# Nothing regular of it comes in the way of what follows.
sql("SELECT vitals.collection_config_put('one', interval_seconds => 3600)");

# -- a rolled-back change has no effect: it is long noticed by the time the committed one after it is
sql("BEGIN; SELECT vitals.collection_start('two'); SELECT vitals.alter_server('one', host => 'sulk.rogue'); ROLLBACK");
add('three', 'good');
sql("SELECT vitals.collection_start('three')");
within($function_limit, 'what was committed is polled', sub { polls('three') == 1 });
is(polls('two'), 0, 'what was rolled back is not');
is(polls('one'), 1, 'nor what would have been reached elsewhere');

# -- direct changes
sql("UPDATE tenant_t.collection_config SET enabled = true WHERE server_id = vitals.find_server('two')");
within($table_limit, 'a direct UPDATE is noticed', sub { polls('two') == 1 });
sql("SELECT vitals.collection_stop('two'); SELECT vitals.collection_stop('three')");
within($function_limit, 'servers that were stopped are left alone', sub { targets() == 1 });

# -- elsewhere
sql("SELECT vitals.alter_server('one', host => 'exit.rogue')");
within($sample_limit, 'another host is polled at once', sub { status('one') eq 'offline|prober_lost' });
sql("SELECT vitals.alter_server('one', host => 'good', name => 'uno')");
within($sample_limit, 'and that it was mended is seen at once', sub { status('uno') eq 'online|' });

# -- a poll on request
my $before = polls('uno');
is(sql("SELECT c.status, c.error, c.metrics, c.server_id = vitals.find_server('uno'), c.duration > '0' FROM vitals.collect_now('uno') AS c"),
    'online||{"connection_count": 7, "cpu_percent": 50, "memory_percent": 40}|t|t', 'it returns what was read');
is(polls('uno'), $before + 1, 'which is stored by then');
is(sql("SELECT c.server_id, c.collected_at FROM vitals.collect_now('uno') AS c \\gset polled_\n"
          . "SELECT max(n.collected_at) = :'polled_collected_at' FROM tenant_t.server_snapshots AS n WHERE n.server_id = :'polled_server_id'"),
    't', 'under the time that it returns');
cmp_ok(sql("SELECT extract(epoch FROM next_due_at - last_collected_at) FROM vitals.collection_status WHERE server = 'uno'"), '>', 1790,
    'it counts as the poll of the cycle, an hour long');
is(sql("BEGIN; UPDATE tenant_t.collection_config SET metrics_enabled = '[\"cpu_percent\"]' WHERE server_id = vitals.find_server('uno'); COMMIT;"
          . "SELECT c.metrics FROM vitals.collect_now('uno') AS c"),
    '{"cpu_percent": 50}', 'it reads its configuration anew');

$before = polls('two');
is(sql("SELECT c.status FROM vitals.collect_now('two') AS c"), 'online', 'a server whose collection is off is polled');
is(polls('two'), $before + 1, 'once');
within($function_limit, 'and is off', sub { targets() == 1 });
is(sql("SELECT c.status FROM vitals.collect_now('two') AS c"), 'online', 'and again');

# -- that fails
add('gone', 'exit.rogue');
is(sql("SELECT c.status, c.error_class, c.error, c.metrics IS NULL FROM vitals.collect_now('gone', '30 s') AS c"),
    'offline|prober_lost|prober ended during the poll: exited with status 9|t', 'a poll that failed is a result');
add('slow', 'sulk.rogue');
is(sql("SELECT c.status, c.error_class, c.metrics IS NULL FROM vitals.collect_now('slow', '30 s') AS c"), 'offline|timeout|t', 'also one that took too long');
$before = polls('slow');
like(refused(q(\set VERBOSITY verbose) . "\nSELECT vitals.collect_now('slow', '1 s')"), qr/ERROR:  PT504: no answer from the collector/, 'whoever does not wait for that gets an error');
within($sample_limit, 'and the poll is stored', sub { polls('slow') == $before + 1 });
like(refused("BEGIN; SELECT vitals.add_server('new', host => 'good'); SELECT vitals.collect_now('new')"),
    qr/ERROR:  server could not be polled\n.*commit first/, 'a server that was not committed is not polled');
like(refused(q(\set VERBOSITY verbose) . "\nSELECT vitals.collect_now('nobody')"), qr/ERROR:  PT404: server not found/, 'an unknown server is not found');

# -- many at once
sub sessions
{
    my (@texts) = @_;
    my @runs;
    foreach my $text (@texts)
    {
        my ($out, $err) = ('', '');
        my $run = { out => \$out, err => \$err };
        $run->{process} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('app'), '-c', $text ],
            '<', \undef, '>', \$out, '2>', \$err);
        push @runs, $run;
    }
    $_->{process}->finish foreach @runs;
    return @runs;
}
my @metrics = qw(memory_percent wait_time_ms);
my @runs = sessions(map { "SELECT c.interval_seconds FROM vitals.collection_config_put('uno', 100 + $_, metrics_enabled => '{cpu_percent, $metrics[$_ % 2]}') AS c" } 1 .. 20);
is(join('', map { ${ $_->{err} } } @runs), '', '20 changes at the same time succeed');
is(join(' ', sort map { ${ $_->{out} } =~ s/\n//r } @runs), join(' ', map { 100 + $_ } 1 .. 20), 'and each sees its own');
my ($interval, $metric) = split /\|/, sql("SELECT c.interval_seconds, c.metrics_enabled[2] FROM vitals.collection_config_get('uno') AS c");
is($metric, $metrics[ $interval % 2 ], 'what is left was written by one of them');

$before = polls('two');
@runs = sessions(map { "SELECT c.status FROM vitals.collect_now('two', '30 s') AS c" } 1 .. 4);
is(join('', map { ${ $_->{out} } . ${ $_->{err} } } @runs), "online\n" x 4, 'sessions that want a poll at the same time get one');
cmp_ok(polls('two') - $before, '<=', 4, 'and no more are made than were asked for');

# -- stopped while a poll runs
add('stopped', 'sulk.rogue');
sql("SELECT vitals.collection_start('stopped')");
within($function_limit, 'a poll runs', sub { in_flight() > 0 });
sql("SELECT vitals.collection_stop('stopped')");
within($function_limit, 'its server is stopped', sub { targets() == 1 });
is(polls('stopped'), 0, 'before it ends');
within($sample_limit, 'and it is stored when it does', sub { polls('stopped') == 1 });
within($function_limit, 'as the last one', sub { in_flight() == 0 });

# -- removed while a poll runs
# The prober that sulked was replaced.
is(sql("SELECT c.status FROM vitals.collect_now('two', '30 s') AS c"), 'online', 'the next poll succeeds');
my $id = add('victim', 'sulk.rogue');
sql("SELECT vitals.collection_start('victim')");
within($function_limit, 'a poll runs', sub { in_flight() > 0 });
sql("SELECT vitals.remove_server('victim', keep_history => false)");
within($sample_limit, 'its end is waited for', sub { in_flight() == 0 });
is(sql("SELECT c.status FROM vitals.collect_now('two', '30 s') AS c"), 'online', 'the collector goes on');
is(sql("SELECT count(*) FROM tenant_t.server_snapshots WHERE server_id = '$id'"), 0, 'nothing of it is stored');
is(sql("SELECT problem IS NULL FROM vitals.tenants"), 't', 'and that is no problem of the tenant');
sql("SELECT vitals.remove_server('uno')");
within($function_limit, 'a server that was removed is not a target', sub { targets() == 0 });

# -- nobody who could poll
sql('SELECT vitals.disable()');
like(refused(q(\set VERBOSITY verbose) . "\nSELECT vitals.collect_now('two')"), qr/ERROR:  PT503:/, 'without a collector there is no poll');

$node->stop;
done_testing();
