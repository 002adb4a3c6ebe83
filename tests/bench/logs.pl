#!/usr/bin/perl
# logs.pl WRITERS RECORDS: a project of fifty commits and the logs of so many
# writers, as a fast-import stream; always the same.
use strict;
use warnings;
use Digest::SHA qw(sha1_hex);

my ($writers, $records) = @ARGV;
my @kinds = qw(done done done failed status run check next limit milestone);
my @last;

sub object { sha1_hex("$_[0] " . length($_[1]) . "\0$_[1]") }

sub who { "Ada Lovelace <ada\@example.org> $_[0] +0000" }

# What the checks measured: a file with another number in each commit.
my (@commits, @trees);
for my $i (0 .. 49) {
	my $text = "step $i\n";
	my $who = who(1_699_000_000 + $i);
	push @trees, object('tree', "100644 step\0" .
	    pack('H*', object('blob', $text)));
	push @commits, object('commit', "tree $trees[$i]\n" .
	    ($i > 0 ? "parent $commits[$i - 1]\n" : '') .
	    "author $who\ncommitter $who\n\nstep $i\n");
	print "commit refs/heads/work\nauthor $who\ncommitter $who\ndata ",
	    length($text), "\n$text", "M 644 inline step\ndata ",
	    length($text), "\n$text\n";
}

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
	my $at = $i / 10 % 50;
	$more = "Agent-State: PASS\nAgent-Commit: $commits[$at]\n" .
	    "Agent-Tree: $trees[$at]\nAgent-Oracle-Id: " . '4' x 40 .
	    "\nAgent-Metric: err 1e-05 target<=0.0001 state=PASS\n"
	    if $kind eq 'check';
	my $text = "$kind: record number $i by writer $w\n\n" .
	    "What was done, told in a sentence or two, so that its size is " .
	    "as it is in life ($i).\n\nAgent-Kind: $kind\n$more" .
	    "Agent-Writer: $name\nAgent-Clock: " .
	    sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", $t[5] + 1900,
	    $t[4] + 1, @t[3, 2, 1, 0], $i % 1_000_000) . "\n";
	my $who = who($s);
	print "commit refs/agent/log/$name\nmark :", $i + 1,
	    "\nauthor $who\ncommitter $who\ndata ", length($text), "\n$text",
	    defined $last[$w] ? "from :$last[$w]\n" : '', "\n";
	$last[$w] = $i + 1;
}
