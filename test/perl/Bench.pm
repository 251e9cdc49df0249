# Shared by the benchmarks: what processes use, and a table of figures with their targets beside them.
package Bench;

use strict;
use warnings;

use Exporter 'import';
use POSIX qw(sysconf _SC_CLK_TCK);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(
  cpu_ms reaped_cpu_ms resident_mb threads_of descriptors_of raise_descriptor_limit
  wait_for spend median slope parameter
  heading figure compare_figure print_figures
);

my $ticks = sysconf(_SC_CLK_TCK);
my @lines;

sub stat_fields
{
    my ($pid) = @_;
    open(my $file, '<', "/proc/$pid/stat") or return;
    my $stat = <$file> // return;
    return split / /, ($stat =~ /.*\) (.*)/s)[0];
}

# CPU of a process, all its threads together. 0 for one that is gone.
sub cpu_ms
{
    my ($pid) = @_;
    my @fields = stat_fields($pid) or return 0;
    return ($fields[11] + $fields[12]) * 1000 / $ticks;
}

# CPU of the children of a process that have ended.
sub reaped_cpu_ms
{
    my ($pid) = @_;
    my @fields = stat_fields($pid) or return 0;
    return ($fields[13] + $fields[14]) * 1000 / $ticks;
}

sub status_number
{
    my ($pid, $name) = @_;
    return (slurp_file("/proc/$pid/status") =~ /^$name:\s+(\d+)/m)[0];
}

sub resident_mb { my ($pid) = @_; return status_number($pid, 'VmRSS') / 1024; }
sub threads_of { my ($pid) = @_; return status_number($pid, 'Threads'); }

# Who may not look into the directory of a prober's descriptors still sees its size, which Linux 6.2 and later give.
sub descriptors_of { my ($pid) = @_; return (stat "/proc/$pid/fd")[7]; }

# For this process and what it starts: a simulator has a socket to listen on and a connection for each server.
sub raise_descriptor_limit
{
    my ($need) = @_;
    my ($soft, $hard) = slurp_file('/proc/self/limits') =~ /^Max open files\s+(\S+)\s+(\S+)/m;
    return if $soft eq 'unlimited' || $soft >= $need;
    die "needs $need file descriptors and may have $hard: ulimit -Hn" if $hard ne 'unlimited' && $hard < $need;
    system_or_bail('prlimit', '--pid', $$, "--nofile=$need:");
    return;
}

# Returns the seconds that it took.
sub wait_for
{
    my ($what, $limit, $code) = @_;
    my $start = time;
    until ($code->())
    {
        die "$what: not within $limit s" if time - $start > $limit;
        select undef, undef, undef, 0.05;
    }
    return time - $start;
}

# Lets so many seconds go by, calling something every few of them. Returns the seconds that really went by.
sub spend
{
    my ($seconds, $every, $code) = @_;
    my $start = time;
    my $next = $start + ($every // $seconds);
    while ((my $left = $start + $seconds - time) > 0)
    {
        my $pause = $next - time < $left ? $next - time : $left;
        select undef, undef, undef, $pause if $pause > 0;
        next unless defined $code && time >= $next;
        $code->();
        $next += $every;
    }
    return time - $start;
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[ @sorted / 2 ]; }

# Of a line through points [x, y], by least squares.
sub slope
{
    my (@points) = @_;
    return 0 if @points < 2;
    my ($sum_x, $sum_y, $sum_xx, $sum_xy) = (0, 0, 0, 0);
    foreach my $point (@points)
    {
        my ($x, $y) = @{$point};
        $sum_x += $x;
        $sum_y += $y;
        $sum_xx += $x * $x;
        $sum_xy += $x * $y;
    }
    my $spread = @points * $sum_xx - $sum_x * $sum_x;
    return $spread == 0 ? 0 : (@points * $sum_xy - $sum_x * $sum_y) / $spread;
}

# A number from the environment, which make passes on: BENCH_MINUTES=10 make bench.
sub parameter
{
    my ($name, $default) = @_;
    my $value = $ENV{$name} // '';
    return $value =~ /^\d+(\.\d+)?$/ ? $value : $default;
}

sub add_line { my ($line) = @_; push @lines, $line; note($line); return; }

sub heading
{
    my ($text) = @_;
    my $without = $ENV{BENCH_WITHOUT} // '';
    $text =~ s/everything on/all groups but $without/ if $without ne '';
    add_line('');
    add_line($text);
    return;
}

sub figure
{
    my ($what, $value, $target, $verdict) = @_;
    my $line = sprintf('  %-68s %-34s %-20s %s', $what, $value, $target // '', $verdict // '');
    $line =~ s/\s+$//;
    add_line($line);
    return;
}

# A figure whose target is a number. Nothing fails where it is missed: another machine, another figure.
sub compare_figure
{
    my ($what, $number, $format, $relation, $target) = @_;
    my $met = $relation eq '>=' ? $number >= $target : $relation eq '<' ? $number < $target : $number <= $target;
    my $shown = $format =~ s/%[^%]*?[a-z]/$target/r;
    figure($what, sprintf($format, $number), sprintf("$relation %s", sprintf($shown)), $met ? 'met' : 'MISSED');
    return;
}

sub print_figures
{
    my ($title) = @_;
    my ($model) = slurp_file('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
    my $processors = () = slurp_file('/proc/cpuinfo') =~ /^processor\s*:/mg;
    print STDERR "\n$title; $processors x $model\n", map { "$_\n" } @lines;
    return;
}

1;
