# Settings follow a reload without a restart of anything, wrong ones are refused as the server does it, and a change of the
# configuration's tables is noticed by itself.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IO::Socket::INET;
use LifeCycle;
use List::Util qw(uniq);
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $reload_limit = 2;

my $node = new_cluster('reload',
    conf => "log_line_prefix = '%m [%p] '\nvitals.reload_interval = 1h\nvitals.concurrency = 1\nvitals.collection_timeout = 60s");
my $collector = ready_database($node, 'app');
ready_tenant($node, 'app', 'acme');
my $launcher = launcher_pid($node);

sub sql { return $node->safe_psql('app', $_[0]); }
sub figure { return sql("SELECT $_[0] FROM vitals.worker_status"); }

sub set
{
    my ($setting, $value) = @_;
    $node->safe_psql('postgres', "ALTER SYSTEM SET $setting = '$value'");
    $node->reload;
    within($reload_limit, "reload of $setting reaches sessions", sub { sql("SHOW $setting") eq $value });
    return;
}

# What nobody tells the collector of.
sub set_registry { sql("UPDATE vitals.tenant_registry SET status = '$_[0]' WHERE name = 'acme'"); return; }

# -- the collector follows: the reload interval
# Also where the definitions of metric groups are still to be read again, which they are half a second after the tenant was
# made: long before the deadline.
set_registry('suspended');
my $watched_until = time + 0.7;
my @seen;
push @seen, figure('tenants') while time < $watched_until;
is(join(',', uniq(@seen)), '1', 'a change of a table that nobody tells of waits for the reload interval');
set('vitals.reload_interval', '100ms');
within($reload_limit, 'reload makes the collector read its tables', sub { figure('tenants') eq '0' });
foreach my $round (1 .. 3)
{
    set_registry('active');
    within(0.1 + $reload_limit, 'UPDATE is noticed after vitals.reload_interval', sub { figure('tenants') eq '1' });
    set_registry('suspended');
    within(0.1 + $reload_limit, 'and back', sub { figure('tenants') eq '0' });
}
set('vitals.reload_interval', '1h');
set_registry('active');
sql('SELECT vitals.notify_collector()');
within(1, 'a change that it is told of is noticed at once', sub { figure('tenants') eq '1' });

# -- both follow: what goes to the log
sub logs_debug { return count_in_log($node, "\\[$_[0]\\] DEBUG:", $_[1]) > 0; }

set('log_min_messages', 'debug5');
my $offset = log_size($node);
sql('SELECT vitals.notify_collector()');
within($reload_limit, 'collector logs more', sub { logs_debug($collector, $offset) });
$node->safe_psql('postgres', 'CREATE DATABASE other');
within($reload_limit, 'launcher logs more', sub { logs_debug($launcher, $offset) });
set('log_min_messages', 'warning');
# What the reload itself still logged is over when both have taken up work once more.
sql('SELECT vitals.notify_collector()');
$node->safe_psql('postgres', 'DROP DATABASE other');
within($reload_limit, 'slot of the dropped database is free',
    sub { sql("SELECT count(*) FROM vitals.worker_slots() WHERE database = 'other'") eq '0' });
$offset = log_size($node);
$node->safe_psql('postgres', 'CREATE DATABASE other');
ready_tenant($node, 'app', 'second');
within($reload_limit, 'the new database was looked at',
    sub { sql("SELECT state FROM vitals.worker_slots() WHERE database = 'other'") eq 'no extension' });
ok(!logs_debug($launcher, $offset) && !logs_debug($collector, $offset), 'and both less');

# -- polls at the same time: four servers that accept a connection and say nothing
my $silent = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1') or die "cannot listen: $@";
polled_server($node, 'app', 'acme', "silent$_", $silent->sockport) foreach 1 .. 4;
within(2, 'vitals.concurrency = 1: one poll at a time, the others wait', sub { figure('in_flight, due') eq '1|3' });
# Servers of which nothing is known get half of the places.
set('vitals.concurrency', '6');
within($reload_limit, 'vitals.concurrency = 6: three', sub { figure('in_flight, due') eq '3|1' });

is(collector_pid($node, 'app'), $collector, 'all of this was one collector');
is(launcher_pid($node), $launcher, 'and one launcher');

# -- refused, as by the server
sub is_refused
{
    my ($statement, $error) = @_;
    my ($code, $out, $err) = $node->psql('app', $statement);
    like($err, $error, "refused: $statement");
    return;
}
is_refused('ALTER SYSTEM SET vitals.concurrency = 0', qr/ERROR:  0 is outside the valid range for parameter "vitals.concurrency" \(1 \.\. 1000\)/);
is_refused("ALTER SYSTEM SET vitals.reload_interval = '2 parsecs'", qr/ERROR:  invalid value for parameter "vitals.reload_interval": "2 parsecs"/);
is_refused('ALTER SYSTEM SET vitals.no_such = 1', qr/ERROR:  (invalid configuration parameter name|unrecognized configuration parameter) "vitals.no_such"/);
is_refused('SET vitals.concurrency = 5', qr/ERROR:  parameter "vitals.concurrency" cannot be changed now/);
is_refused('SET vitals.max_databases = 5', qr/ERROR:  parameter "vitals.max_databases" cannot be changed without restarting the server/);
is_refused('ALTER DATABASE app SET vitals.shutdown_grace = 5', qr/ERROR:  parameter "vitals.shutdown_grace" cannot be changed now/);

$offset = log_size($node);
$node->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
$node->append_conf('postgresql.conf', "vitals.concurrency = 2000\nvitals.offline_after = 7\nvitals.max_databases = 99");
$node->reload;
within($reload_limit, 'the good line of a file with a bad one is taken', sub { sql('SHOW vitals.offline_after') eq '7' });
is(sql('SHOW vitals.concurrency'), '6', 'the bad one changes nothing');
is(count_in_log($node, '2000 is outside the valid range for parameter "vitals.concurrency"', $offset), 1, 'and is in the log once, not once for each process');
is(count_in_log($node, 'parameter "vitals.max_databases" cannot be changed without restarting the server', $offset), 1, 'so is what needs a restart');
is(sql("SELECT pending_restart FROM pg_settings WHERE name = 'vitals.max_databases'"), 't', 'which pg_settings shows, too');
is(collector_pid($node, 'app'), $collector, 'the collector was not disturbed');

$node->stop;
done_testing();
