//! What the decision promises, whatever the addresses are.

use std::net::IpAddr;

use hosts::{Ground, Guard, GuardError, Host, Refusals, Use, refused};
use proptest::prelude::*;

fn uses(hosts: &[(&str, &[IpAddr])]) -> Vec<Use> {
    let wanted = |&(name, addresses): &(&str, &[IpAddr])| Use {
        what: "a test".to_owned(),
        host: Host { name: name.to_owned(), addresses: addresses.to_vec() },
    };
    hosts.iter().map(wanted).collect()
}

/// Addresses of every kind: any, loopback, private, and IPv4 within IPv6.
fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        any::<[u8; 3]>().prop_map(|[b, c, d]| IpAddr::from([127, b, c, d])),
        any::<[u8; 3]>().prop_map(|[b, c, d]| IpAddr::from([10, b, c, d])),
        any::<[u8; 4]>().prop_map(|v4| IpAddr::V6(std::net::Ipv4Addr::from(v4).to_ipv6_mapped())),
    ]
}

fn ground() -> impl Strategy<Value = Ground> {
    prop_oneof![Just(Ground::Machine), Just(Ground::Private)]
}

fn is_here(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}

proptest! {
    #[test]
    fn without_permission_nothing_beyond_this_machine_passes(
        ips in prop::collection::vec(address(), 0..4),
    ) {
        let refused = refused(&uses(&[("h", &ips)]), Ground::Machine, &[], &[]);
        let free = !ips.is_empty() && ips.iter().all(|&ip| is_here(ip));
        prop_assert_eq!(refused.is_empty(), free);
    }

    #[test]
    fn a_public_address_never_passes_without_permission(
        public in any::<[u8; 4]>().prop_map(IpAddr::from).prop_filter("public", |ip| match ip {
            IpAddr::V4(v4) => !v4.is_private() && !is_here(*ip),
            IpAddr::V6(_) => false,
        }),
        near in prop::collection::vec(any::<[u8; 3]>(), 0..3),
        ground in ground(),
        at: prop::sample::Index,
    ) {
        // Wherever it stands among near addresses of the same name.
        let mut ips: Vec<IpAddr> = near.iter().map(|[b, c, d]| IpAddr::from([127, *b, *c, *d])).collect();
        ips.insert(at.index(ips.len() + 1), public);
        let refused = refused(&uses(&[("h", &ips)]), ground, &[], &[]);
        prop_assert_eq!(refused.len(), 1);
        prop_assert_eq!(refused[0].address, Some(public));
    }

    #[test]
    fn what_the_message_tells_to_type_is_what_lets_everything_pass(
        hosts in prop::collection::vec(("[a-z]{1,6}(\\.[a-z]{2,4})?", prop::collection::vec(address(), 0..3)), 1..5),
        ground in ground(),
    ) {
        let hosts: Vec<(&str, &[IpAddr])> =
            hosts.iter().map(|(name, ips)| (name.as_str(), ips.as_slice())).collect();
        let uses = uses(&hosts);
        let list = refused(&uses, ground, &[], &[]);
        let flags = Refusals { ground, list }.flags();
        let allowed: Vec<String> =
            flags.split_whitespace().filter(|word| *word != "--allow").map(str::to_owned).collect();
        prop_assert!(refused(&uses, ground, &allowed, &[]).is_empty());
    }

    #[test]
    fn a_permission_lets_pass_nothing_but_what_it_names(
        ip in address(), other in address(), ground in ground(),
    ) {
        prop_assume!(ip.to_canonical() != other.to_canonical());
        let uses = uses(&[("h", &[ip])]);
        let before = refused(&uses, ground, &[], &[]);
        let after = refused(&uses, ground, &["g".to_owned(), other.to_string()], &[]);
        prop_assert_eq!(before, after);
        let named = refused(&uses, ground, &[ip.to_string()], &[]);
        prop_assert!(named.is_empty());
    }

    #[test]
    fn the_addresses_of_this_machine_pass_in_either_way_of_writing_them(
        v4 in any::<[u8; 4]>(), ground in ground(),
    ) {
        let plain = IpAddr::from(v4);
        let mapped = IpAddr::V6(std::net::Ipv4Addr::from(v4).to_ipv6_mapped());
        for (ip, own) in [(plain, plain), (plain, mapped), (mapped, plain)] {
            prop_assert!(refused(&uses(&[("h", &[ip])]), ground, &[], &[own]).is_empty());
        }
    }

    #[test]
    fn a_private_address_of_another_machine_passes_only_on_private_ground(
        [b, c, d] in any::<[u8; 3]>(),
    ) {
        let uses = uses(&[("h", &[IpAddr::from([10, b, c, d])])]);
        prop_assert!(refused(&uses, Ground::Private, &[], &[]).is_empty());
        prop_assert_eq!(refused(&uses, Ground::Machine, &[], &[]).len(), 1);
    }
}

#[test]
fn one_message_names_every_host_once_with_all_that_it_is_wanted_for() {
    let far = ["192.0.2.7".parse().unwrap()];
    let mut uses = uses(&[("Db.Example.", &far), ("192.0.2.7", &far), ("db.example", &far)]);
    uses[2].what = "another".to_owned();
    let list = refused(&uses, Ground::Machine, &[], &[]);
    assert_eq!(
        Refusals { ground: Ground::Machine, list }.to_string(),
        "db.example (192.0.2.7) is not on this machine: a test, another\n\
         192.0.2.7 is not on this machine: a test\n\
         If this is meant, allow it with --allow db.example --allow 192.0.2.7"
    );
}

#[test]
fn names_that_mean_nothing_are_told_all_at_once() {
    // Too long for any name server to be asked.
    let [one, other] = ["a", "b"].map(|letter| letter.repeat(300));
    let guard = Guard::new(Ground::Machine, &[]);
    let named = |names: &[(&str, &str)]| {
        let named = names.iter().map(|&(what, host)| (what.to_owned(), host.to_owned()));
        guard.check(named.collect::<Vec<_>>()).unwrap_err()
    };
    let error = named(&[("load", &one), ("fault", &other), ("probe", &one), ("probe", &one)]);
    assert!(matches!(error, GuardError::Unknown { .. }), "{error}");
    let told = error.to_string();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].starts_with(&format!("load, probe: {one} cannot be looked up")), "{told}");
    assert!(lines[1].starts_with(&format!("fault: {other} cannot be looked up")), "{told}");
    // What has to be allowed is said with them.
    let error = named(&[("load", &one), ("fault", "192.0.2.7")]);
    let GuardError::Refused(refusals) = error else { panic!("{error}") };
    assert_eq!(refusals.list.len(), 2);
    assert!(refusals.flags().contains(&one), "{refusals}");
}
