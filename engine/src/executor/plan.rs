//! When a batch would be done under the limits: arithmetic instead of a promise.
//!
//! The n-th send under a rate comes at `max(0, n - burst) · interval`, and from there on as many in each period as the
//! limit says. To a chat that allows no burst, the next one comes an interval after the one before has arrived. Each key (a chat, a token, a size, the slots) is reckoned alone, and the latest one decides; where two are
//! about equally tight the truth may be a little later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    limits::{ChatKind, Limits, Rate},
    schedule::Reason,
};

/// Jobs of one bot to the same chats.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Batch {
    /// How many.
    pub count: u64,
    /// The bot, by any name.
    #[serde(default)]
    pub bot: String,
    /// Its warm-up chats.
    pub chats: Vec<String>,
    /// What the chats are; by their ids when absent.
    #[serde(default)]
    pub chat_kind: Option<ChatKind>,
    /// Size of each media, bytes; 0 = all are different.
    #[serde(default)]
    pub size: u64,
}

/// What else is to be known.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Question {
    /// How long one upload takes, ms; 0 = no time, so that only the limits count.
    pub upload_ms: u64,
    /// A wanted rate, jobs a minute.
    pub per_minute: Option<f64>,
}

/// When it is done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// From the start to the end of the last job, ms.
    pub done_in_ms: u64,
    /// Jobs a minute, once bursts are used up and while all batches last; `None` = nothing bounds it.
    pub per_minute: Option<f64>,
    /// What decides; `None` = nothing does.
    pub bottleneck: Option<Reason>,
    /// Chats of the same kind that each bot needs for the wanted rate; `None` = not asked, or no number of chats is enough.
    pub chats_needed: Option<u64>,
}

/// Time between two sends of a steady stream whose uploads take so long, ns.
fn spacing(rate: &Rate, upload: u64) -> u64 {
    rate.interval().saturating_add(arrival(rate, upload))
}

/// What uploads that take so long add to the time between two sends, ns. Where no burst is allowed, the next one waits for the one
/// before to arrive; of long ones several are under way by then, and of those together half the rate arrives.
pub fn arrival(rate: &Rate, upload: u64) -> u64 {
    if rate.burst > 1 { 0 } else { upload.min(rate.interval()) }
}

/// The moment of the `count`-th send under these rates, ns; `upload` as of [`spacing`].
fn last_of(rates: &[Option<Rate>], count: u64, upload: u64) -> u64 {
    let one = |rate: &Rate| {
        let limit = u64::from(rate.limit.max(1));
        let index = count.saturating_sub(1);
        // Bursts end where a window is full: from there on each period holds `limit`.
        let burst = u64::from(rate.burst.max(1)) - 1;
        let (periods, rest) = (index / limit, index % limit);
        let in_period = rest.saturating_sub(burst).saturating_mul(rate.interval());
        let spaced = index.saturating_sub(burst).saturating_mul(spacing(rate, upload));
        if rate.burst > 1 {
            periods.saturating_mul(rate.period()).saturating_add(in_period).max(spaced)
        } else {
            spaced
        }
    };
    rates.iter().flatten().map(one).max().unwrap_or(0)
}

/// Sends a minute under the tightest of these rates; `upload` as of [`spacing`].
fn steady(rates: &[Option<Rate>], upload: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "ns of a minute")]
    let one = |rate: &Rate| 60e9 / spacing(rate, upload).max(1) as f64;
    rates.iter().flatten().map(one).fold(f64::INFINITY, f64::min)
}

/// See the module. `limits`: `None` = none.
#[must_use]
pub fn plan(limits: Option<&Limits>, slots: usize, batches: &[Batch], question: Question) -> Plan {
    let mut sends: BTreeMap<&str, u64> = BTreeMap::new();
    let mut chats: BTreeMap<(&str, &str), (u64, ChatKind)> = BTreeMap::new();
    let mut sizes: BTreeMap<(&str, u64), u64> = BTreeMap::new();
    let mut lanes = f64::INFINITY;
    let upload = question.upload_ms.saturating_mul(1_000_000);
    for batch in batches {
        *sends.entry(&batch.bot).or_default() += batch.count;
        *sizes.entry((&batch.bot, batch.size)).or_default() += batch.count;
        for (turn, chat) in (0..).zip(&batch.chats) {
            let among = u64::try_from(batch.chats.len()).unwrap_or(1);
            // The first chats get one more where it does not come out even.
            let share = batch.count / among + u64::from(turn < batch.count % among);
            let kind = batch.chat_kind.unwrap_or_else(|| ChatKind::of_id(chat));
            chats.entry((&batch.bot, chat)).or_insert((0, kind)).0 += share;
            lanes = lanes.min(limits.map_or(f64::INFINITY, |limits| steady(&limits.of_chat(kind), upload)));
        }
    }
    let mut ends: Vec<(u64, Reason)> = Vec::new();
    let mut rates: Vec<(f64, Reason)> = Vec::new();
    if let Some(limits) = limits {
        let of_chats = chats.values().map(|(count, kind)| last_of(&limits.of_chat(*kind), *count, upload));
        ends.push((of_chats.max().unwrap_or(0), Reason::ChatRate));
        rates.push((chats.values().map(|(_, kind)| steady(&limits.of_chat(*kind), upload)).sum(), Reason::ChatRate));
        let token = [limits.token];
        ends.push((sends.values().map(|count| last_of(&token, *count, 0)).max().unwrap_or(0), Reason::TokenRate));
        rates.push((sends.values().map(|_| steady(&token, 0)).sum(), Reason::TokenRate));
        let of_size = |size: u64| [limits.same_size.and_then(|rule| rule.rate(size))];
        let of_sizes = sizes.iter().map(|((_, size), count)| last_of(&of_size(*size), *count, 0));
        ends.push((of_sizes.max().unwrap_or(0), Reason::SameSize));
        rates.push((sizes.keys().map(|(_, size)| steady(&of_size(*size), 0)).sum(), Reason::SameSize));
        if let Some(uploads) = limits.uploads_per_token {
            let of_bots = sends.values().map(|count| rounds(*count, uploads.into(), question.upload_ms));
            ends.push((of_bots.max().unwrap_or(0), Reason::InFlight));
            rates.push((sends.values().map(|_| busy(uploads.into(), question.upload_ms)).sum(), Reason::InFlight));
        }
    }
    let slots = u64::try_from(slots).unwrap_or(u64::MAX).max(1);
    ends.push((rounds(sends.values().sum(), slots, question.upload_ms), Reason::Slot));
    rates.push((busy(slots, question.upload_ms), Reason::Slot));

    // Of equals the first: what stands in the chats is the operator's to change.
    let (last, decides) = ends.into_iter().fold(
        (0, None),
        |(most, reason), (end, why)| {
            if end > most { (end, Some(why)) } else { (most, reason) }
        },
    );
    let most = |reasons: &[Reason]| {
        rates.iter().filter(|(_, reason)| reasons.contains(reason)).map(|(rate, _)| *rate).fold(f64::INFINITY, f64::min)
    };
    let others = most(&[Reason::TokenRate, Reason::SameSize, Reason::InFlight, Reason::Slot]);
    let bots = sends.len().max(1);
    #[expect(clippy::cast_precision_loss, reason = "a number of bots")]
    let each = |wanted: f64| wanted / bots as f64;
    let wanted = question.per_minute.filter(|wanted| wanted.is_finite() && *wanted <= others);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "above zero; `as` saturates")]
    let chats_needed = wanted.map(|wanted| (each(wanted) / lanes).ceil().max(1.0) as u64);
    let steady = others.min(most(&[Reason::ChatRate]));
    Plan {
        done_in_ms: last.div_ceil(1_000_000).saturating_add(question.upload_ms.min(last_upload(&sends, question))),
        per_minute: steady.is_finite().then_some(steady),
        bottleneck: decides,
        chats_needed,
    }
}

/// The end of the last upload comes after its start; with no jobs there is none.
fn last_upload(sends: &BTreeMap<&str, u64>, question: Question) -> u64 {
    if sends.values().sum::<u64>() == 0 { 0 } else { question.upload_ms }
}

/// When the last of so many begins, with so many at a time, ns.
const fn rounds(count: u64, at_once: u64, upload_ms: u64) -> u64 {
    let at_once = if at_once == 0 { 1 } else { at_once };
    (count.saturating_sub(1) / at_once).saturating_mul(upload_ms).saturating_mul(1_000_000)
}

/// How many a minute with so many at a time.
fn busy(at_once: u64, upload_ms: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "numbers of slots and ms")]
    if upload_ms == 0 { f64::INFINITY } else { at_once as f64 * 60_000.0 / upload_ms as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(count: u64, chats: u32, kind: ChatKind, size: u64) -> Batch {
        let chats = (1..=chats).map(|chat| chat.to_string()).collect();
        Batch { count, bot: "bot".into(), chats, chat_kind: Some(kind), size }
    }

    fn ask(batches: &[Batch], per_minute: Option<f64>) -> Plan {
        plan(Some(&Limits::default()), 50, batches, Question { upload_ms: 0, per_minute })
    }

    #[test]
    fn one_group_takes_twenty_a_minute() {
        // What the gate itself does with 1,000 of them: the last at 49 periods and 17 intervals.
        let plan = ask(&[batch(1_000, 1, ChatKind::Group, 0)], Some(150.0));
        assert_eq!(plan.done_in_ms, 49 * 60_000 + 17 * 3_000);
        assert_eq!((plan.per_minute, plan.bottleneck), (Some(20.0), Some(Reason::ChatRate)));
        // 150 media a minute take eight groups.
        assert_eq!(plan.chats_needed, Some(8));
    }

    #[test]
    fn private_chats_add_up_until_the_token_is_full() {
        assert_eq!(ask(&[batch(100, 1, ChatKind::Private, 0)], None).done_in_ms, 99_000);
        assert_eq!(ask(&[batch(100, 4, ChatKind::Private, 0)], None).done_in_ms, 24_000);
        assert_eq!(ask(&[batch(5, 2, ChatKind::Private, 0)], None).done_in_ms, 2_000, "three and two");
        let plan = ask(&[batch(2_505, 40, ChatKind::Private, 0)], Some(1_600.0));
        assert_eq!((plan.bottleneck, plan.chats_needed), (Some(Reason::TokenRate), None));
        assert_eq!(plan.done_in_ms, 100_000);
    }

    #[test]
    fn a_private_chat_takes_the_next_a_second_after_the_one_before_has_arrived() {
        let question = Question { upload_ms: 800, per_minute: Some(60.0) };
        let plan = plan(Some(&Limits::default()), 50, &[batch(7, 1, ChatKind::Private, 0)], question);
        assert_eq!((plan.done_in_ms, plan.bottleneck), (6 * 1_800 + 800, Some(Reason::ChatRate)));
        assert_eq!((plan.per_minute.map(f64::round), plan.chats_needed), (Some(33.0), Some(2)));
        let slow = super::plan(
            Some(&Limits::default()),
            50,
            &[batch(31, 1, ChatKind::Private, 0)],
            Question { upload_ms: 10_000, per_minute: None },
        );
        assert_eq!(slow.done_in_ms, 30 * 2_000 + 10_000, "several are under way");
        let group = super::plan(Some(&Limits::default()), 50, &[batch(41, 1, ChatKind::Group, 0)], question);
        assert_eq!(group.done_in_ms, 2 * 60_000 + 800, "a burst of three leaves time for it");
    }

    #[test]
    fn one_size_is_spaced_whatever_the_chats() {
        let plan = ask(&[batch(101, 10, ChatKind::Private, 50_000_000)], Some(60.0));
        assert_eq!((plan.done_in_ms, plan.bottleneck), (90_000, Some(Reason::SameSize)));
        assert_eq!(plan.chats_needed, Some(1));
    }

    #[test]
    fn bots_go_beside_each_other_and_slots_hold_all_of_them() {
        let bots: Vec<_> =
            (0..10).map(|bot| Batch { bot: bot.to_string(), ..batch(60, 1, ChatKind::Private, 0) }).collect();
        assert_eq!(ask(&bots, None).done_in_ms, 59_000);
        let slow = plan(Some(&Limits::default()), 5, &bots, Question { upload_ms: 10_000, per_minute: None });
        assert_eq!((slow.done_in_ms, slow.bottleneck), (119 * 10_000 + 10_000, Some(Reason::Slot)));
        assert_eq!(slow.per_minute, Some(30.0));
    }

    #[test]
    fn without_limits_and_without_jobs_nothing_decides() {
        let free = plan(None, 5, &[batch(1_000, 1, ChatKind::Group, 0)], Question::default());
        assert_eq!((free.done_in_ms, free.per_minute, free.bottleneck), (0, None, None));
        let none = ask(&[], None);
        assert_eq!((none.done_in_ms, none.bottleneck), (0, None));
    }
}
