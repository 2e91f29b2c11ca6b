my %colour = map { ("key$_", $_ * 7) } 1 .. 30;
for my $k ($ARGV[0] ? sort keys %colour : keys %colour) {
	print "$k $colour{$k}\n";
}
