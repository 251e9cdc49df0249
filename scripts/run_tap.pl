#!/usr/bin/env perl
# Runs programs that print TAP, several at a time, and writes how many of their tests passed, failed and were skipped:
# run_tap.pl JOBS COUNTS_FILE PROGRAM…   prove has no output of that kind. A program may have arguments, after blanks.
use strict;
use warnings;

use TAP::Harness;

my ($jobs, $counts_file, @programs) = @ARGV;
my $harness = TAP::Harness->new({
    jobs      => $jobs,
    verbosity => 0,
    failures  => 1,
    exec      => sub { my ($self, $program) = @_; return [ $program =~ /\.pl$/ ? $^X : (), split / /, $program ] },
});

my ($passed, $failed, $skipped) = (0, 0, 0);
$harness->callback(
    after_test => sub {
        my ($job, $parser) = @_;
        my $skips = $parser->skip_all ? 1 : scalar $parser->skipped;
        $skipped += $skips;
        $passed  += $parser->passed - ($parser->skip_all ? 0 : $skips);
        my $broken = $parser->failed;
        # Died, or ran fewer tests than planned, with every test that did run in order.
        $broken = 1 if !$broken && !$parser->is_good_plan && !$parser->skip_all || !$broken && $parser->exit;
        $failed += $broken;
    });
$harness->runtests(@programs);

open my $counts, '>', $counts_file or die "$counts_file: $!\n";
print {$counts} "$passed $failed $skipped\n";
close $counts or die "$counts_file: $!\n";
