//! RESP2 — replies of a RESP2 connection, where sets, maps and pairs are flat lists and doubles are strings, compared with
//! answers. Pure.

use super::Answer;
use super::scores::written;
use replicheck::command::Reply;

/// A RESP2 reply, in which sets, maps and pairs are flat lists, as the reply that it is if this is its answer.
pub(in super::super) fn in_the_shape_of(answer: &Answer, recorded: Reply) -> Reply {
    let Reply::Array(items) = recorded else { return recorded };
    match answer {
        Answer::AllFields(_) | Answer::Drawn { with_values: true, .. } => {
            Reply::Pairs(items.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
        }
        Answer::Members(_) | Answer::Popped { wanted: Some(_), .. } => Reply::Set(items),
        _ => Reply::Array(items),
    }
}

/// The answer whose exact replies are those of RESP2, in which doubles are strings.
pub(in super::super) fn in_resp2(answer: Answer) -> Answer {
    match answer {
        Answer::Exactly(reply) => Answer::Exactly(flat(reply)),
        Answer::Drawn { from, wanted, with_values } => {
            let from = from.into_iter().map(|(name, value)| (name, flat(value))).collect();
            Answer::Drawn { from, wanted, with_values }
        }
        other => other,
    }
}

fn flat(reply: Reply) -> Reply {
    match reply {
        Reply::Double(score) => Reply::Bulk(written(score.get())),
        Reply::Array(items) | Reply::Set(items) => Reply::Array(items.into_iter().map(flat).collect()),
        Reply::Map(pairs) | Reply::Pairs(pairs) => {
            Reply::Array(pairs.into_iter().flat_map(|(one, other)| [flat(one), flat(other)]).collect())
        }
        other => other,
    }
}
