#!/usr/bin/perl
# Stands in for vitals_prober where a test needs a fleet and says how each of its servers behaves. The host of a job says
# what comes of it: good; slow-<ms>: good after so long; hole: nothing, until the deadline; refused; switch: as the file
# "switch" beside this program says, "up" or not; forgets-<ms>: good with its password, which it needs each time;
# large-<ms>: good with 60 KB of facts; deaf: the first one reads nothing more, later ones are good. With a file "early"
# there, it does not wait with a job until it is to begin. What was asked is in the file "jobs" there, a JSON object a line.
use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Handle;
use JSON::PP;
use Time::HiRes qw(time);

my $directory = dirname($0);
open(my $socket, '+<&=', 3) or exit 4;
binmode $socket;
sub contents { my ($name) = @_; open(my $file, '<', "$directory/$name") or return ''; my $text = <$file>; return $text // ''; }
open(my $jobs, '>>', "$directory/jobs") or exit 4;
$jobs->autoflush(1);

my %groups;       # by name: as defined
my @waiting;      # [when, line]
my @ahead;        # jobs that begin once so many results were said
my $results = 0;  # of polls and probes
my $json = JSON::PP->new->canonical;

sub say_line { my ($line) = @_; syswrite($socket, $json->encode($line) . "\n"); return; }

# Says the results whose time has come.
sub say_results
{
    while (@waiting && $waiting[0][0] <= time)
    {
        my (undef, $answer, $kind) = @{ shift @waiting };
        say_line($answer);
        next if $kind eq 'check' || $answer->{needs_password};
        ++$results;
        begin(shift @ahead) while @ahead && $ahead[0]{after} <= $results;
    }
    return;
}

sub begin
{
    my ($line) = @_;
    my ($after, $answer) = answer($line);
    push @waiting, [ time + $after, $answer, $line->{kind} ];
    print {$jobs} $json->encode({ began => $line->{job}, running => scalar @waiting, after => $line->{after} }) . "\n" if $line->{after};
    return;
}

sub answer
{
    my ($job) = @_;
    my ($deed, $ms) = ($job->{host} // '') =~ /^(\w+)(?:-(\d+))?/;
    $deed //= 'good';
    $deed = contents('switch') =~ /up/ ? 'good' : 'refused' if $deed eq 'switch';
    if ($deed eq 'deaf' && !-e "$directory/was_deaf")
    {
        open(my $file, '>', "$directory/was_deaf") or exit 4;
        select undef, undef, undef, 600;
    }
    my $failed = sub {
        my ($class) = @_;
        return { job => $job->{job}, outcome => 'failed', duration_ms => 1, error => { class => $class, number => 0, message => "it is $class" } };
    };
    return (($ms // 0) / 1000, { %{ $failed->('internal') }, duration_ms => $ms // 0, needs_password => JSON::PP::true }) if $deed eq 'forgets' && $job->{password_withheld};
    return ($job->{deadline_ms} / 1000, $failed->('timeout')) if $deed eq 'hole';
    return (0, $failed->('refused')) if $deed eq 'refused';
    my %answer = (job => $job->{job}, outcome => 'ok', duration_ms => 1);
    $answer{facts} = { map { ("fact$_" => 'x' x 1000) } 1 .. 60 } if $deed eq 'large';
    if ($job->{kind} eq 'poll')
    {
        my @due = $job->{groups} ? @{ $job->{groups} } : sort keys %groups;
        $answer{values} = [ [ 'cpu_percent', 50 ], [ 'memory_percent', 40 ], [ 'connection_count', 7 ], [ 'page_life_expectancy', 99 ],
            map { [ $_->{name}, 1 ] } map { @{ $groups{$_}{metrics} } } grep { $groups{$_} && !$groups{$_}{builtin} } @due ];
        $answer{groups} = [ map { $_ eq 'denied' ? [ $_, 'denied', 0, 0, 0, 'permission', 229, 'no permission' ] : [ $_, 'ok', 1.5, 3, 240 ] } @due ];
        %answer = (%answer, login_ms => 0, query_ms => 12.5, bytes => 4096, round_trips => 1);
    }
    return (($ms // 0) / 1000, \%answer);
}

my ($version) = contents('version') =~ /(\S+)/;
say_line({ hello => 'vitals_prober', version => $version, sandbox_missing => [] });
my $buffer = '';
while (1)
{
    my $ready = '';
    vec($ready, 3, 1) = 1;
    @waiting = sort { $a->[0] <=> $b->[0] } @waiting;
    my $wait = @waiting ? $waiting[0][0] - time : undef;
    my $count = select($ready, undef, undef, defined $wait && $wait < 0 ? 0 : $wait);
    if ($count > 0) { sysread($socket, $buffer, 65536, length $buffer) or exit 0; }
    while ($buffer =~ s/^([^\n]*)\n//)
    {
        # Reading a long one in Perl takes longer than a poll may.
        next if length $1 > 65536 && substr($1, 0, 9) eq '{"define"';
        my $line = decode_json($1);
        if ($line->{withdraw})
        {
            say_line({ job => $_->{job}, outcome => 'failed', duration_ms => 0, unbegun => JSON::PP::true,
                error => { class => 'internal', number => 0, message => 'the poll did not begin' } }) foreach splice @ahead;
        }
        if (exists $line->{define})
        {
            %groups = () if $line->{reset};
            $groups{ $line->{group}{name} } = $line->{group} if $line->{group};
            print {$jobs} $json->encode({ define => $line->{define}, group => $line->{group}{name}, builtin => $line->{group}{builtin} ? 1 : 0 }) . "\n";
        }
        next unless exists $line->{job};
        print {$jobs} $json->encode({ kind => $line->{kind}, host => $line->{host}, at => time, map({ $_ => $line->{$_} } grep { defined $line->{$_} } qw(password login deadline_ms)), defined $line->{groups} ? (groups => $line->{groups}) : () }) . "\n";
        if (($line->{after} // 0) > $results && !-e "$directory/early") { push @ahead, $line; }
        else { begin($line); }
    }
    say_results();
}
