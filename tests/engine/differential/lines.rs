//! The command lines of which commands are drawn.
//!
//! Types have keys of their own, beside those that all types share: `{list}` is mostly a key of lists, `{any}` is any of these
//! keys. Two sorts of keys are apart, so that their contents stay what a reply is defined for: the scores in `{lex}` are all
//! equal, as ranges of members want, and no command but PFADD and PFMERGE writes to `{hll}`, whose bytes are a format.

/// Each line is a command; a word in braces is replaced by what [`words`](super::words::words) draws for it, which may be nothing.
pub(super) const COMMANDS: &str = "
SET {key} {value}
SET {key} {value} {setting} {setting}
SET {key} {value} {setting} {setting} {setting}
GET {key}
SETNX {key} {value}
SETEX {key} {seconds} {value}
PSETEX {key} {milliseconds} {value}
GETSET {key} {value}
GETEX {key} {getex}
GETEX {key} {getex} {getex}
GETDEL {key}
MGET {key} {key} {key}
MSET {key} {value} {key} {value}
MSET {key} {value} {key}
MSETNX {key} {value} {key} {value}
APPEND {key} {value}
STRLEN {key}
SETRANGE {key} {offset} {value}
GETRANGE {key} {position} {position}
SUBSTR {key} {position} {position}
LCS {key} {key} {lcs} {lcs}
LCS {key} {key} IDX {lcs} {lcs}
INCR {key}
DECR {key}
INCRBY {key} {integer}
DECRBY {key} {integer}
INCRBYFLOAT {key} {float}
HSET {key} {field} {value} {field} {value}
HSET {key} {field} {value} {field}
HMSET {key} {field} {value}
HSETNX {key} {field} {value}
HDEL {key} {field} {field}
HDEL {key} {field} {field} {field} {field} {field}
HINCRBY {key} {field} {integer}
HINCRBYFLOAT {key} {field} {float}
HGET {key} {field}
HMGET {key} {field} {field}
HGETALL {key}
HKEYS {key}
HVALS {key}
HLEN {key}
HEXISTS {key} {field}
HSTRLEN {key} {field}
HSCAN {key} {cursor} {hscan} {hscan}
HRANDFIELD {key}
HRANDFIELD {key} {some}
HRANDFIELD {key} {some} WITHVALUES
HRANDFIELD {key} 4611686018427387904 WITHVALUES
HRANDFIELD {key} {some} {foo}
HEXPIRE {key} {seconds} {hcondition} FIELDS 1 {field}
HEXPIRE {key} {seconds} FIELDS 2 {field} {field}
HPEXPIRE {key} {milliseconds} {hcondition} FIELDS 2 {field} {field}
HEXPIREAT {key} {second} {hcondition} FIELDS 1 {field}
HPEXPIREAT {key} {millisecond} {hcondition} FIELDS 3 {field} {field} {field}
HPEXPIREAT {key} {millisecond} {hcondition} FIELDS {some} {field} {field}
HTTL {key} FIELDS 2 {field} {field}
HPTTL {key} FIELDS 2 {field} {field}
HEXPIRETIME {key} FIELDS 1 {field}
HPEXPIRETIME {key} FIELDS 2 {field} {field}
HPERSIST {key} FIELDS 2 {field} {field}
HPERSIST {key} FIELDS {some} {field}
HGETEX {key} {getex} FIELDS 2 {field} {field}
HGETEX {key} FIELDS 1 {field}
HGETDEL {key} FIELDS 2 {field} {field}
HSETEX {key} {hset} {hsetting} FIELDS 1 {field} {value}
HSETEX {key} {hsetting} {hset} FIELDS 2 {field} {value} {field} {value}
HSETEX {key} {hsetting} FIELDS {some} {field} {value}
DEL {all} {any}
UNLINK {all}
EXISTS {all} {any}
TOUCH {all} {all}
TYPE {all}
RENAME {any} {any}
RENAMENX {any} {any}
COPY {any} {any} {copy} {copy}
FLUSHDB {flush}
FLUSHALL {flush}
EXPIRE {all} {seconds} {condition} {condition}
PEXPIRE {all} {milliseconds} {condition} {condition}
EXPIREAT {all} {second} {condition} {condition}
PEXPIREAT {all} {millisecond} {condition} {condition}
EXPIREAT {all} {second} GT
EXPIREAT {all} {second} LT
PERSIST {all}
TTL {all}
PTTL {all}
EXPIRETIME {all}
PEXPIRETIME {all}
KEYS {pattern}
SCAN {cursor} {scan} {scan}
RANDOMKEY
DBSIZE
PING {foo}
ECHO {value}
SELECT {db}
OBJECT {object} {all}
OBJECT HELP
OBJECT {foo} {key}
MOVE {all} {db}
SWAPDB {db} {db}
LPUSH {list} {member} {member}
RPUSH {list} {member} {member} {member}
LPUSHX {list} {member}
RPUSHX {list} {member} {member}
LPOP {list}
LPOP {list} {few}
RPOP {list}
RPOP {list} {few}
LLEN {list}
LINDEX {list} {position}
LSET {list} {position} {member}
LRANGE {list} {position} {position}
LINSERT {list} {side} {member} {member}
LREM {list} {some} {member}
LTRIM {list} {position} {position}
LTRIM {list} 1 -1
LPOS {list} {member} {lpos} {lpos}
LMOVE {list} {list} {end} {end}
RPOPLPUSH {list} {list}
LMPOP {lists} {end} {popped}
SADD {set} {member} {member} {member}
SREM {set} {member} {member}
SMOVE {set} {set} {member}
SISMEMBER {set} {member}
SMISMEMBER {set} {member} {member}
SMEMBERS {set}
SCARD {set}
SPOP {set}
SPOP {set} {few}
SRANDMEMBER {set}
SRANDMEMBER {set} {some}
SUNION {set} {set}
SINTER {set} {set}
SDIFF {set} {set} {set}
SUNIONSTORE {set} {set} {set}
SINTERSTORE {set} {set} {set}
SDIFFSTORE {set} {set} {set}
SINTERCARD {sets} {most}
SSCAN {set} {cursor} {hscan} {hscan}
ZADD {sorted} {zadd} {zadd} {score} {member}
ZADD {sorted} {zadd} {score} {member} {score} {member}
ZADD {lex} 0 {member} 0 {member}
ZINCRBY {sorted} {score} {member}
ZREM {sorted} {member} {member}
ZCARD {sorted}
ZSCORE {sorted} {member}
ZMSCORE {sorted} {member} {member}
ZRANK {sorted} {member} {withscore}
ZREVRANK {sorted} {member} {withscore}
ZCOUNT {sorted} {bound} {bound}
ZLEXCOUNT {lex} {name} {name}
ZRANGE {sorted} {position} {position} {zrange} {zrange}
ZRANGE {sorted} {bound} {bound} BYSCORE {zrange} {zrange}
ZRANGE {lex} {name} {name} BYLEX {zrange} {limit}
ZREVRANGE {sorted} {position} {position} {withscores}
ZRANGEBYSCORE {sorted} {bound} {bound} {withscores} {limit}
ZREVRANGEBYSCORE {sorted} {bound} {bound} {limit} {withscores}
ZRANGEBYLEX {lex} {name} {name} {limit}
ZREVRANGEBYLEX {lex} {name} {name} {limit}
ZRANGESTORE {sorted} {sorted} {position} {position} {zrange}
ZRANGESTORE {sorted} {sorted} {bound} {bound} BYSCORE {zrange} {limit}
ZRANGESTORE {lex} {lex} {name} {name} BYLEX {zrange} {limit}
ZREMRANGEBYRANK {sorted} {position} {position}
ZREMRANGEBYSCORE {sorted} {bound} {bound}
ZREMRANGEBYLEX {lex} {name} {name}
ZPOPMIN {sorted}
ZPOPMIN {sorted} {few}
ZPOPMAX {sorted}
ZPOPMAX {sorted} {few}
ZMPOP {sorteds} {extreme} {popped}
ZRANDMEMBER {sorted}
ZRANDMEMBER {sorted} {some} {withscores}
ZUNION {sources} {aggregate} {withscores}
ZUNION 2 {source} {source} WEIGHTS {score} {score} {aggregate}
ZINTER {sources} {aggregate} {withscores}
ZINTER 2 {source} {source} {aggregate} WEIGHTS {score} {score}
ZDIFF {sources} {withscores}
ZUNIONSTORE {sorted} {sources} {aggregate}
ZUNIONSTORE {sorted} 2 {source} {source} WEIGHTS {score} {score} {aggregate}
ZINTERSTORE {sorted} {sources} {aggregate}
ZINTERSTORE {sorted} 2 {source} {source} WEIGHTS {score} {score} {aggregate}
ZDIFFSTORE {sorted} {sources}
ZINTERCARD {sources} {most}
ZSCAN {sorted} {cursor} {hscan} {hscan}
SETBIT {key} {bit} {zero_or_one}
GETBIT {key} {bit}
BITCOUNT {key}
BITCOUNT {key} {position} {position} {unit}
BITPOS {key} {zero_or_one}
BITPOS {key} {zero_or_one} {position}
BITPOS {key} {zero_or_one} {position} {position} {unit}
BITOP {bitop} {key} {key}
BITOP {bitop} {key} {key} {key}
BITFIELD {key} {overflow} {field_read} {field_write} {field_write}
BITFIELD {key} {field_write} {overflow} {field_write}
BITFIELD {key} {field_read} {foo}
BITFIELD_RO {key} {field_read} {field_read}
BITFIELD_RO {key} {field_write}
PFADD {hll} {member} {member}
PFADD {hll}
PFCOUNT {hll}
PFCOUNT {hll} {hll} {key}
PFMERGE {hll} {hll} {hll}
PFMERGE {hll} {key}
GET {hll}
";

/// Commands that create keys for other commands to find.
pub(super) const BUILDERS: &str = "
SET {key} {value}
SET {key} {value} PX {milliseconds}
MSET {key} {value} {key} {value}
HSET {key} {field} {value} {field} {value}
HSET {key} {field} {value}
PEXPIRE {key} {milliseconds}
COPY {key} {key} {copy}
RPUSH {list} {member} {member}
SADD {set} {member} {member} {member}
ZADD {sorted} {score} {member} {score} {member}
ZADD {lex} 0 {member} 0 {member} 0 {member}
PFADD {hll} {member} {member}
PEXPIRE {all} {milliseconds}
";

/// Commands that create collections of hundreds of elements: beyond the sizes at which the engine stores them, or scans them,
/// in another way.
pub(super) const LARGE: &str = "
RPUSH {list} {many}
LPUSH {list} {many}
SADD {set} {many}
ZADD {sorted} {many_scored}
ZADD {lex} {many_equal}
PFADD {hll} {many}
";
