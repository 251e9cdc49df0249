#!/usr/bin/perl
# Stands in for vitals_prober where a test needs one that was taken over by a hostile server. It speaks the line protocol
# on fd 3 and polls nothing: the host of a job says how to behave, "<deed>.rogue", and any other host gets honest values.
use strict;
use warnings;

use File::Basename qw(dirname);
use JSON::PP;

open(my $socket, '+<&=', 3) or exit 4;
binmode $socket;
open(my $version_file, '<', dirname($0) . '/version') or exit 4;
my $version = <$version_file>;

sub say_raw { my ($bytes) = @_; my $sent = 0; while ($sent < length $bytes) { $sent += syswrite($socket, $bytes, 65536, $sent) // exit 5; } return; }
sub say_line { say_raw(encode_json($_[0]) . "\n"); return; }

sub honest
{
    my ($job, $cpu) = @_;
    return { job => $job->{job}, outcome => 'ok', duration_ms => 1,
        values => [ [ 'cpu_percent', $cpu // 50 ], [ 'memory_percent', 40 ], [ 'connection_count', 7 ] ] };
}

my %deed = (
    # Lies about jobs that it was not given: those of other tenants have numbers near its own.
    wrong_job => sub { my $job = shift; say_line({ %{ honest($job, 99) }, job => $job->{job} + $_ }) foreach -3 .. 3; },
    unknown_job => sub { my $job = shift; say_line({ %{ honest($job, 99) }, job => 123456789 }); },
    answer_twice => sub { my $job = shift; say_line(honest($job)); say_line(honest($job)); },
    binary => sub { say_raw(join('', map { chr } 0 .. 255) . "\n"); },
    not_json => sub { say_raw("Segmentation fault\n"); },
    unknown_field => sub { my $job = shift; say_line({ %{ honest($job) }, sql => 'DROP DATABASE' }); },
    infinite => sub { my $job = shift; say_raw(qq({"job":$job->{job},"outcome":"ok","duration_ms":1,"values":[["cpu_percent",1e999]]}\n)); },
    # Numbers of a list of names that its job does not have.
    unknown_names => sub { my $job = shift; my %result = %{ honest($job) }; delete $result{values}; say_line({ %result, series => 7, numbers => [ 99, 99, 99 ] }); },
    # It was told.
    asks_password => sub { my $job = shift; say_line({ job => $job->{job}, outcome => 'failed', duration_ms => 1, needs_password => JSON::PP::true,
            error => { class => 'internal', number => 0, message => '' } }); },
    hello_again => sub { say_line({ hello => 'vitals_prober', version => $version, sandbox_missing => [] }); },
    # More than the collector would ever read as one line: it must not be kept in memory.
    long_line => sub { say_raw('x' x 65536) foreach 1 .. 16384; },
    flood => sub { my $job = shift; my $line = encode_json({ %{ honest($job) }, job => 0 }) . "\n"; say_raw($line x 500) while 1; },
    closes => sub { close $socket; select undef, undef, undef, 600; },
    spin => sub { 1 while 1; },
    sulk => sub { },
    exit => sub { exit 9; },
    segv => sub { kill 'SEGV', $$; select undef, undef, undef, 600; },
    # Within the protocol, and still nothing that may be believed: a metric that nobody defined, one that was not asked
    # for, and names of other objects.
    foreign_values => sub {
        my $job = shift;
        say_line({ %{ honest($job) }, values => [ [ 'cpu_percent', 12 ], [ 'no_such_metric', 1 ], [ 'page_life_expectancy', 5 ],
                [ "x'); DROP TABLE servers; --", 1 ] ] });
    });

say_line({ hello => 'vitals_prober', version => $version, sandbox_missing => [] });
my $buffer = '';
while (sysread($socket, $buffer, 65536, length $buffer))
{
    while ($buffer =~ s/^([^\n]*)\n//)
    {
        my $line = $1;
        # Definitions are long, and reading them in Perl takes longer than a poll may.
        next if $line =~ /^\{"define"/;
        my $job = decode_json($line);
        next unless exists $job->{job};
        my ($name) = ($job->{host} // '') =~ /^(\w+)\.rogue$/;
        if (defined $name) { $deed{$name}->($job); }
        else { say_line(honest($job)); }
    }
}
