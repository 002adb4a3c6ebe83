#!/usr/bin/perl
# logs.pl WRITERS RECORDS: the logs of so many writers, as a fast-import
# stream; always the same.
use strict;
use warnings;

my ($writers, $records) = @ARGV;
my @kinds = qw(done done done failed status run check next limit milestone);
my @last;
for my $i (0 .. $records - 1) {
	my ($kind, $w) = ($kinds[$i % @kinds], $i % $writers);
	my $name = sprintf 'w%05d-host-%06x', $w, $w;
	my $s = 1_700_000_000 + $i;
	my @t = gmtime $s;
	my $more = '';
	$more = sprintf "Agent-Run: 01JDD00000000000000000%04d\n" .
	    "Agent-Event: %s\nAgent-Iteration: %d\n", $w,
	    $i > $records - 20 * $writers && $i % 2 ? 'end' : 'iteration',
	    $i / $writers if $kind eq 'run';
	$more = "Agent-State: pass\nAgent-Metric: err 1e-5 target<=1e-4 " .
	    "state=pass\n" if $kind eq 'check';
	my $text = "$kind: record number $i by writer $w\n\n" .
	    "What was done, told in a sentence or two, so that its size is " .
	    "as it is in life ($i).\n\nAgent-Kind: $kind\n$more" .
	    "Agent-Writer: $name\nAgent-Clock: " .
	    sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", $t[5] + 1900,
	    $t[4] + 1, @t[3, 2, 1, 0], $i % 1_000_000) . "\n";
	my $who = "Ada Lovelace <ada\@example.org> $s +0000";
	print "commit refs/agent/log/$name\nmark :", $i + 1,
	    "\nauthor $who\ncommitter $who\ndata ", length($text), "\n$text",
	    defined $last[$w] ? "from :$last[$w]\n" : '', "\n";
	$last[$w] = $i + 1;
}
