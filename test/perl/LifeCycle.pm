# Shared by the tests of how processes come and go: the server's own process, and something for a collector to do.
package LifeCycle;

use strict;
use warnings;

use Exporter 'import';
use PgVitals;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(postmaster_pid terminate_backend log_size ready_tenant polled_server another_serves);

sub postmaster_pid
{
    my ($node) = @_;
    my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)$/m;
    return $pid;
}

# Returns when the process is gone.
sub terminate_backend
{
    my ($node, $pid) = @_;
    return $node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 5000)");
}

# For count_in_log: what is written from now on.
sub log_size
{
    my ($node) = @_;
    return -s $node->logfile;
}

# Makes a tenant and returns when the collector serves it.
sub ready_tenant
{
    my ($node, $database, $tenant) = @_;
    $node->safe_psql($database, "SELECT vitals.create_tenant('$tenant')");
    within(2, "collector sees tenant $tenant", sub {
        $node->safe_psql($database,
            'SELECT tenants = (SELECT count(*) FROM vitals.tenant_registry) FROM vitals.worker_status') eq 't';
    });
    return;
}

# Adds a server where by default nobody listens (port 1), starts its collection, and returns the process of the prober
# that polls it.
sub polled_server
{
    my ($node, $database, $tenant, $name, $port) = @_;
    $port //= 1;
    $node->safe_psql($database, "SET vitals.tenant = '$tenant';"
          . "SELECT vitals.add_server('$name', host => '127.0.0.1', port => $port, username => 'u', password => 'p');"
          . "SELECT vitals.collection_start('$name')");
    return within(2, "prober of tenant $tenant runs",
        sub { $node->safe_psql($database, "SELECT pid FROM vitals.probers WHERE tenant = '$tenant'") });
}

# Passes when a collector other than the old one serves the database; returns its process.
sub another_serves
{
    my ($limit, $node, $database, $old, $what) = @_;
    return within($limit, "another collector runs after $what",
        sub { my $new = collector_serves($node, $database); defined $new && $new ne $old ? $new : undef });
}

1;
