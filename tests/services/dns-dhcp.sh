# dns-dhcp: names of the LAN.
# tools: dig
prepare() { :; }
settings() {
	jq -n '{address: "192.0.2.53", config: {domain: "lan",
	    hosts: [{name: "router", address: "192.0.2.53"}]}}'
}
prove() {
	t "dns-dhcp: a static host resolves" answers 192.0.2.53 router.lan 192.0.2.53
	t "dns-dhcp: an unknown one does not" says NXDOMAIN 192.0.2.53 nobody.lan
}
