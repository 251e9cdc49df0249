# Shared by the benchmarks: a prober that is driven over its standard input and output, without a collector.
package ProberAlone;

use strict;
use warnings;

use IO::Handle;
use IO::Select;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

my $most_waiting = 100;

# Options: fleet, threads, metrics => [] (all), under => [ words of a program that runs it ].
sub new
{
    my ($class, %option) = @_;
    my $self = bless { metrics => [], under => [], %option, buffer => '', sent => 0, answered => 0, next => 0 }, $class;
    my $program = `pg_config --pkglibdir`;
    chomp $program;
    my @command = (@{ $self->{under} }, "$program/pg_vitals/vitals_prober", 'serve', '--threads', $self->{threads},
        '--ca-directory', $self->{fleet}->simulated->ca_directory);
    $self->{errors} = PostgreSQL::Test::Utils::tempdir() . '/prober_errors.' . ++our $count;
    pipe(my $their_input, $self->{to}) or die "pipe: $!";
    pipe($self->{from}, my $their_output) or die "pipe: $!";
    $self->{pid} = fork // die "fork: $!";
    if ($self->{pid} == 0)
    {
        open(STDIN, '<&', $their_input) or die;
        open(STDOUT, '>&', $their_output) or die;
        open(STDERR, '>', $self->{errors}) or die;
        exec @command or die "$command[0]: $!";
    }
    # A prober that is gone must be an error here and not a pipe that nobody reads.
    close $their_input;
    close $their_output;
    local $SIG{PIPE} = 'IGNORE';
    $self->{to}->autoflush(1);
    $self->define;
    $self->make_jobs;
    return $self;
}

sub define
{
    my ($self) = @_;
    my @groups = @{ $self->{fleet}->definitions };
    foreach my $nr (0 .. $#groups)
    {
        $self->{to}->print(encode_json({ define => 'mssql', groups => scalar @groups, group => $groups[$nr],
            $nr == 0 ? (reset => JSON::PP::true) : () }) . "\n");
    }
    return;
}

# All of a job but its number.
sub make_jobs
{
    my ($self) = @_;
    my $simulated = $self->{fleet}->simulated;
    my $nr = 0;
    foreach my $port (@{ $simulated->{ports} }[ 0 .. $self->{fleet}{servers} - 1 ])
    {
        my %job = (connector => 'mssql', target => sprintf('00000000-0000-0000-0000-%012d', ++$nr), host => 'localhost',
            port => $port + 0, username => 'vitals', password => 'vitals', deadline_ms => 60000, options => { ca_file => $simulated->ca },
            metrics => $self->{metrics});
        push @{ $self->{jobs} }, substr(encode_json(\%job), 1) . "\n";
    }
    return;
}

# Takes the answers that are there, or waits for one. Dies if a poll failed.
sub take_answers
{
    my ($self) = @_;
    my $got = sysread($self->{from}, $self->{buffer}, 1 << 20, length $self->{buffer});
    die 'prober: ' . slurp_file($self->{errors}) unless $got;
    my $end = rindex($self->{buffer}, "\n");
    return if $end < 0;
    my $lines = substr($self->{buffer}, 0, $end + 1, '');
    die "prober: $1" if $lines =~ /^(.*"outcome":"failed".*)$/m;
    my $count = () = $lines =~ /"outcome":"/g;
    $self->{answered} += $count;
    return;
}

# The servers in turn, as many as may wait at the same time, up to that job.
sub send_jobs
{
    my ($self, $waiting, $last) = @_;
    my $lines = '';
    while ($self->{sent} - $self->{answered} < $waiting && (!defined $last || $self->{sent} < $last))
    {
        $lines .= '{"job":' . ++$self->{sent} . ',' . $self->{jobs}[ $self->{next} ];
        $self->{next} = ($self->{next} + 1) % @{ $self->{jobs} };
    }
    $self->{to}->print($lines) if $lines ne '';
    return;
}

# So many polls of every server, all of them before those of the next round.
sub run_rounds
{
    my ($self, $rounds) = @_;
    foreach my $round (1 .. $rounds)
    {
        my $last = $self->{sent} + @{ $self->{jobs} };
        while ($self->{answered} < $last)
        {
            # More than fit into the pipe would wait for a prober that waits for its answers to be read.
            $self->send_jobs($most_waiting, $last);
            $self->take_answers;
        }
    }
    return;
}

# Polls as fast as it goes. Returns polls per second.
sub run_seconds
{
    my ($self, $seconds) = @_;
    my ($start, $before) = (time, $self->{answered});
    while (time - $start < $seconds)
    {
        $self->send_jobs($self->{threads} + 20);
        $self->take_answers;
    }
    my $rate = ($self->{answered} - $before) / (time - $start);
    $self->take_answers while $self->{answered} < $self->{sent};
    return $rate;
}

# Returns what it wrote to standard error.
sub stop
{
    my ($self) = @_;
    close $self->{to};
    1 while sysread($self->{from}, $self->{buffer}, 1 << 20);
    waitpid $self->{pid}, 0;
    return slurp_file($self->{errors});
}

1;
