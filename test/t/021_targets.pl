# Where a tenant's servers may be, and where its passwords may go: the default, what an administrator changes while the
# collector runs, and what a tenant cannot.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SimulatedServers;
use Test::More;

my $limit = 10;

my $servers = SimulatedServers->new(servers => 2, replay => 'live');
my $node = new_cluster('targets', conf => "log_statement = none\nvitals.ca_directory = '" . $servers->ca_directory . "'");
$node->adjust_conf('postgresql.conf', 'vitals.allowed_targets', undef);
$node->reload;
ready_database($node, 'app');
$node->safe_psql('app', "SELECT vitals.create_tenant('acme'); SELECT vitals.create_tenant('other')");

sub sql { return $node->safe_psql('app', "SET vitals.tenant = 'acme'; $_[0]"); }
sub refused
{
    my ($code, $out, $err) = $node->psql('app', "SET vitals.tenant = 'acme'; $_[0]");
    isnt($code, 0, "refused: $_[0]");
    return $err;
}
# Fields of the checks of a server, one line each.
sub checks
{
    my ($server, $fields) = @_;
    return sql(qq(SELECT $fields FROM vitals.test_connection('$server')));
}
sub status { return status_of($node, 'app', 'acme', $_[0]); }
# The last line counts.
sub allow { $node->append_conf('postgresql.conf', "vitals.allowed_targets = '$_[0]'"); $node->reload; return; }

my $ca = $servers->ca;
my $port = $servers->port(0);
add_polled_server($node, 'app', 'acme', 'sql01', host => "'localhost'", port => $port, username => "'vitals'", password => "'vitals'",
    options => qq('{"ca_file": "$ca"}'));

# -- by default not this machine
within($limit, 'this machine is no target', sub { status('sql01') eq 'offline|not_allowed' });
like(sql("SELECT last_error FROM vitals.collection_status"), qr/^localhost \(.*\) port $port is not an allowed target/, 'the error says which');
like(checks('sql01', '"check", ok, remedy'), qr/^target\|f\|.*vitals\.allowed_targets/m, 'the test says who can change that');
is($servers->stats(0)->{connects}, 0, 'nobody knocked');

# -- changed while the collector runs
my $collector = collector_pid($node, 'app');
allow('all');
within($limit, 'allowed after a reload, at once', sub { status('sql01') eq 'online|' });
my $checks = checks('sql01', '"check", ok');
like($checks, qr/^target\|t$/m, 'and so says the test');
is($checks =~ /\|f$/m ? $checks : '', '', 'with which nothing is wrong');
is(collector_pid($node, 'app'), $collector, 'the collector is the same');

allow("all, !all:$port");
within($limit, 'forbidden by its port after a reload',
    sub { poll_again($node, 'app', 'acme', 'sql01'); status('sql01') =~ /not_allowed/ });

my $offset = -s $node->logfile;
allow('10.0.0.1/8');
within($limit, 'a malformed list is not taken', sub { count_in_log($node, qr/invalid value for parameter "vitals\.allowed_targets"/, $offset) });
ok(count_in_log($node, qr/bits set behind the prefix/, $offset), 'and the log says why');
allow('all');
within($limit, 'allowed again', sub { poll_again($node, 'app', 'acme', 'sql01'); status('sql01') eq 'online|' });

# -- narrower for one tenant
$node->safe_psql('app', "SELECT vitals.alter_tenant('acme', allowed_targets => '10.0.0.0/8')");
within($limit, 'the list of the tenant counts too', sub { poll_again($node, 'app', 'acme', 'sql01'); status('sql01') =~ /not_allowed/ });
add_polled_server($node, 'app', 'other', 'sql02', host => "'127.0.0.1'", port => $servers->port(1), username => "'vitals'",
    password => "'vitals'", options => qq('{"ca_file": "$ca"}'));
within($limit, 'and is of that tenant alone', sub { status_of($node, 'app', 'other', 'sql02') eq 'online|' });
allow('10.0.0.0/8');
$node->safe_psql('app', "SELECT vitals.alter_tenant('acme', allowed_targets => 'all')");
within($limit, 'a tenant gets no more than the setting has',
    sub { poll_again($node, 'app', 'acme', 'sql01'); status('sql01') =~ /not_allowed/ });
allow('all');
within($limit, 'and all of that without a list', sub { poll_again($node, 'app', 'acme', 'sql01'); status('sql01') eq 'online|' });
like(refused("SELECT vitals.alter_tenant('acme', allowed_targets => '!all')"), qr/invalid list of targets.*DETAIL:  the list allows nothing/s, 'with the reason');
$node->safe_psql('app', 'CREATE ROLE member LOGIN; GRANT tenant_acme TO member');
like(refused("SET SESSION AUTHORIZATION member; SELECT vitals.alter_tenant('acme', allowed_targets => 'all')"), qr/permission denied/, 'a tenant cannot');
like(refused("SET SESSION AUTHORIZATION member; UPDATE vitals.tenant_registry SET allowed_targets = 'all'"), qr/permission denied/, 'nor directly');

# -- the database's own server, where loopback is allowed
sql("SELECT vitals.add_server('self', host => '127.0.0.1', port => " . $node->port . ", username => 'u', password => 'p')");
like(checks('self', '"check", ok, detail'), qr/^target\|f\|.*it is the database server itself$/m, 'is no target');

# -- a server in back-off is probed where its network may have been in the way
sql("SELECT vitals.add_server('gone', host => '127.0.0.1', port => 1, username => 'u', password => 'p'), vitals.collection_start('gone')");
within($limit, 'nobody is there', sub { status('gone') eq 'offline|refused' });
my $probes = $node->safe_psql('app', 'SELECT probes FROM vitals.worker_status');
$node->safe_psql('app', "SELECT vitals.alter_tenant('acme', allowed_targets => 'all, !192.0.2.1')");
within(5, 'it is probed long before its time', sub { $node->safe_psql('app', 'SELECT probes FROM vitals.worker_status') > $probes });
my $targets = $node->safe_psql('app', 'SELECT targets FROM vitals.worker_status');
sql("SELECT vitals.collection_stop('gone')");
within($limit, 'until it is off', sub { $node->safe_psql('app', 'SELECT targets FROM vitals.worker_status') == $targets - 1 });

# -- a password goes to the host that it was given for
like(refused("SELECT vitals.alter_server('sql01', host => '127.0.0.1')"), qr/password is needed for another host/, 'alter_server asks for it');
sql("SELECT vitals.alter_server('sql01', host => 'LOCALHOST')");
sql("UPDATE tenant_acme.servers SET host = '127.0.0.1' WHERE name = 'sql01'");
within($limit, 'not even by changing the table', sub { poll_again($node, 'app', 'acme', 'sql01'); status('sql01') =~ /configuration/ });
like(sql("SELECT last_error FROM vitals.collection_status WHERE server = 'sql01'"), qr/given for another server, host or key/, 'and the error says why');
sql("SELECT vitals.alter_server('sql01', host => '127.0.0.1', password => 'vitals')");
within($limit, 'given again it works', sub { status('sql01') eq 'online|' });

done_testing();
