//! Redis's reads — which commands of a real server change no key, of data types that replicheck does not have, too. Pure.
//!
//! A capture of a real server has many of them. They matter to no replica, so a program goes on without them.

/// The reads among the commands of Redis 8 and its modules that replicheck does not have, in alphabetical order. Commands that
/// write with some of their options are in [`is_redis_read`] instead.
const READS: &str = "bf.card bf.exists bf.info bf.mexists bf.scandump cf.count cf.exists cf.info cf.mexists cf.scandump cms.info \
    cms.query dump ft._list ft.aggregate ft.explain ft.explaincli ft.info ft.profile ft.search ft.spellcheck \
    ft.sugget ft.suglen ft.tagvals geodist geohash geopos georadius_ro georadiusbymember_ro geosearch \
    json.arrindex json.arrlen json.get json.mget json.objkeys json.objlen \
    json.resp json.strlen json.type sort_ro tdigest.byrank tdigest.byrevrank tdigest.cdf tdigest.info \
    tdigest.max tdigest.min tdigest.quantile tdigest.rank tdigest.revrank tdigest.trimmed_mean topk.count \
    topk.info topk.list topk.query ts.get ts.info ts.mget ts.mrange ts.mrevrange ts.queryindex ts.range \
    ts.revrange vcard vdim vemb vgetattr vinfo vismember vlinks vrandmember vrange vsim xinfo xlen xpending \
    xrange xread xrevrange";

/// Whether a command that replicheck does not have changes no key. SORT and GEORADIUS store their result if they are told to.
pub(super) fn is_redis_read(argv: &[Vec<u8>]) -> bool {
    let lower = |argument: &Vec<u8>| String::from_utf8_lossy(argument).to_ascii_lowercase();
    let Some(name) = argv.first().map(lower) else { return false };
    let has = |words: &[&str]| argv.iter().skip(2).any(|argument| words.contains(&lower(argument).as_str()));
    match name.as_str() {
        "sort" => !has(&["store"]),
        "georadius" | "georadiusbymember" => !has(&["store", "storedist"]),
        name => READS.split_whitespace().any(|read| read == name),
    }
}
