//! Addresses of IPv4 and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Function, function, text};
use crate::insights::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("isValidIp", 1, 1, |args| test(args, |_| true)),
    function("isValidIpV4", 1, 1, |args| test(args, |ip| ip.is_ipv4())),
    function("isValidIpV6", 1, 1, |args| test(args, |ip| ip.is_ipv6())),
    function("isIpInSubnet", 2, 2, |args| in_subnet(args, |_| true)),
    function("isIpv4InSubnet", 2, 2, |args| in_subnet(args, |ip| ip.is_ipv4())),
    function("isIpv6InSubnet", 2, 2, |args| in_subnet(args, |ip| ip.is_ipv6())),
    function("ipv4ToNumber", 1, 1, |args| {
        let ip = text(args, 0).and_then(|text| text.parse::<Ipv4Addr>().ok());
        Value::number(ip.map(|ip| f64::from(u32::from(ip))))
    }),
    function("isPrivateIP", 1, 1, |args| test(args, is_private)),
    function("isReservedIP", 1, 1, |args| test(args, is_reserved)),
    function("isPublicIP", 1, 1, |args| test(args, |ip| !is_private(ip) && !is_reserved(ip))),
];

fn address(args: &[Value<'_>]) -> Option<IpAddr> {
    text(args, 0)?.parse().ok()
}

/// False for what is no address.
fn test<'v>(args: &[Value<'v>], holds: impl Fn(IpAddr) -> bool) -> Value<'v> {
    Value::truth(address(args).is_some_and(holds))
}

fn in_subnet<'v>(args: &[Value<'v>], family: fn(IpAddr) -> bool) -> Value<'v> {
    let subnet = text(args, 1);
    let found = address(args)
        .filter(|ip| family(*ip))
        .zip(subnet.as_deref().and_then(subnet_of))
        .is_some_and(|(ip, subnet)| contains(subnet, ip));
    Value::truth(found)
}

/// `192.0.2.0/24`: the address and the bits that count.
fn subnet_of(text: &str) -> Option<(IpAddr, u32)> {
    let (ip, bits) = text.split_once('/')?;
    let (ip, bits): (IpAddr, u32) = (ip.parse().ok()?, bits.parse().ok()?);
    (bits <= if ip.is_ipv4() { 32 } else { 128 }).then_some((ip, bits))
}

fn contains((subnet, bits): (IpAddr, u32), ip: IpAddr) -> bool {
    match (subnet, ip) {
        (IpAddr::V4(subnet), IpAddr::V4(ip)) => {
            let differ = u32::from(subnet) ^ u32::from(ip);
            bits == 0 || differ >> (32 - bits) == 0
        }
        (IpAddr::V6(subnet), IpAddr::V6(ip)) => {
            let differ = u128::from(subnet) ^ u128::from(ip);
            bits == 0 || differ >> (128 - bits) == 0
        }
        _ => false,
    }
}

/// RFC 1918, and the unique local addresses of IPv6.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.segments().first().is_some_and(|first| first & 0xfe00 == 0xfc00),
    }
}

/// What no router on the internet forwards, besides the private ranges.
fn is_reserved(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_reserved_v4(ip),
        IpAddr::V6(ip) => is_reserved_v6(ip),
    }
}

fn is_reserved_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && b & 0xc0 == 64;
    let benchmark = a == 198 && b & 0xfe == 18;
    let protocols = (a, b, c) == (192, 0, 0);
    a == 0
        || a >= 240
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || shared
        || benchmark
        || protocols
}

fn is_reserved_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    let link_local = first & 0xffc0 == 0xfe80;
    let documentation = (first, second) == (0x2001, 0xdb8);
    ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || link_local || documentation
}
