//! A pipeline between an LLM service and a webhook.

pub use std::time::Duration;
use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
pub use serde_json::{Value, json};
use warmpath_engine::{
    clock::FakeClock,
    executor::{Executor, Outcome, Status},
    pipeline::{Campaign, CampaignJob, CampaignOptions, CampaignValue, PartEvent, PartEvents},
};

pub use crate::support::{Act, Seen, Server, head, http};

pub const NOW_MS: u64 = 1_764_000_000_000;
pub const TEXT: &str = "Oi, Ana! Tudo bem com você?";

/// A completion with this text.
pub fn says(text: &str) -> Act {
    completion(&json!({ "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }))
}

pub fn completion(choice: &Value) -> Act {
    let body = json!({ "id": "gen-1", "model": "a/one", "provider": "P", "choices": [choice],
        "usage": { "prompt_tokens": 10, "completion_tokens": 5, "cost": 0.25 } });
    http("200 OK", &[("content-type", "application/json")], body.to_string())
}

/// A refusal with this `error`.
pub fn refuses(status: u16, headers: &[(&str, &str)], error: &Value) -> Act {
    http(&format!("{status} X"), headers, json!({ "error": error }).to_string())
}

pub fn ok() -> Act {
    http("200 OK", &[], "{}")
}

/// Reads the request, then does this.
pub fn then(act: Act) -> Vec<Act> {
    vec![Act::ReadBody, act]
}

/// Answers one after the other; the last one from then on.
pub fn script(answers: Vec<Vec<Act>>) -> impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static {
    let answers = Mutex::new(VecDeque::from(answers));
    move |_, _| answers.lock().pop_front().unwrap_or_else(|| panic!("asked more often than expected"))
}

pub fn always(act: fn() -> Act) -> impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static {
    move |_, _| then(act())
}

pub struct Rig {
    pub llm: Server,
    pub webhook: Server,
    pub options: Value,
    pub told: Arc<tokio::sync::Notify>,
}

/// A running executor.
pub struct Running {
    pub executor: Executor<Campaign>,
    pub events: PartEvents,
    pub llm: warmpath_engine::llm::Llm,
    told: Arc<tokio::sync::Notify>,
}

impl Rig {
    pub async fn new(
        llm: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static,
        webhook: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let (llm, webhook) = (Server::start(llm).await, Server::start(webhook).await);
        let options = json!({
            "llm": { "apiKey": "canary-key", "baseUrl": format!("{}/api/v1", llm.url), "models": ["a/one"],
                     "headers": { "x-title": "canary-title" } },
            "webhook": { "url": format!("{}/hook?token=canary-query", webhook.url), "secret": "canary-secret" },
            "split": { "by": "local", "maxChars": 1000, "aboveChars": 20 },
            "minGraphemes": 10,
            "timeouts": { "connectMs": 2000, "generateMs": 2000, "splitMs": 2000, "deliverMs": 2000 },
            "retry": { "quick": 2, "baseMs": 1, "maxMs": 1 },
            "concurrency": 5, "capacity": 100,
        });
        Self { llm, webhook, options, told: Arc::default() }
    }

    /// Only an LLM service.
    pub async fn llm(llm: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::new(llm, always(ok)).await
    }

    /// Only a webhook.
    pub async fn webhook(webhook: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::new(always(ok), webhook).await
    }

    /// With another value at this JSON pointer.
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        let (parent, name) = path.rsplit_once('/').unwrap();
        self.options.pointer_mut(parent).unwrap()[name] = value.into();
        self
    }

    pub fn start(&self) -> Running {
        let options: CampaignOptions = serde_json::from_str(&self.options.to_string()).unwrap();
        let limits = options.executor();
        let pipeline = Campaign::new(options, Arc::new(FakeClock::at(NOW_MS))).unwrap();
        let (events, llm) = (pipeline.events(), pipeline.llm().unwrap());
        let (told, wake) = (Arc::clone(&self.told), Arc::clone(&self.told));
        events.on_event(move || wake.notify_one());
        let told_too = Arc::clone(&told);
        let on_settled = Box::new(move |_| told_too.notify_one());
        let runtime = tokio::runtime::Handle::current();
        Running { executor: Executor::new(pipeline, &limits, &runtime, on_settled), events, llm, told }
    }

    /// The bodies that the LLM service was sent.
    pub fn asked(&self) -> Vec<Value> {
        bodies(&self.llm)
    }

    /// The bodies that the webhook was sent.
    pub fn posted(&self) -> Vec<Value> {
        bodies(&self.webhook)
    }
}

fn bodies(server: &Server) -> Vec<Value> {
    server.seen().iter().map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect()
}

/// The step `generate` of a message, with some fields of its own.
pub fn generate(fields: &Value) -> CampaignJob {
    job(&json!({ "key": "g", "generate": { "messages": [{ "role": "user", "content": "canary-prompt" }] } }), fields)
}

/// The step `deliver` of a message with these parts, with some fields of its own.
pub fn deliver(parts: &[&str], fields: &Value) -> CampaignJob {
    let deliver = json!({ "parts": parts, "recipient": { "phone": "canary-phone", "n": 1.5 } });
    job(&json!({ "key": "d", "deliver": deliver }), fields)
}

fn job(step: &Value, fields: &Value) -> CampaignJob {
    let mut job = json!({ "campaignId": "c", "messageId": "m" });
    for more in [step, fields] {
        merge(&mut job, more);
    }
    let job: CampaignJob = serde_json::from_str(&job.to_string()).unwrap();
    job.validate().unwrap();
    job
}

fn merge(into: &mut Value, more: &Value) {
    for (name, value) in more.as_object().unwrap() {
        match (&mut into[name], value) {
            (inner @ Value::Object(_), Value::Object(_)) => merge(inner, value),
            (inner, value) => *inner = value.clone(),
        }
    }
}

impl Running {
    /// The next outcome. Whatever happened, nothing secret and nothing private may stand in its error.
    pub async fn next(&self) -> Outcome<CampaignValue> {
        let outcome = tokio::time::timeout(Duration::from_mins(1), async {
            loop {
                if let Some(outcome) = self.executor.take_settled(1).pop() {
                    return outcome;
                }
                self.told.notified().await;
            }
        });
        let outcome = outcome.await.expect("the job was never settled");
        let said = serde_json::to_string(&outcome.error).unwrap();
        assert!(!said.contains("canary") && !said.contains("Ana"), "{said}");
        outcome
    }

    pub async fn run(&self, job: CampaignJob) -> Outcome<CampaignValue> {
        self.executor.submit_many([job]);
        self.next().await
    }

    /// Runs a job, which must fail with this code.
    pub async fn fails(&self, job: CampaignJob, code: &str) -> Outcome<CampaignValue> {
        let outcome = self.run(job).await;
        let error = outcome.error.as_ref().unwrap_or_else(|| panic!("succeeded instead of {code}"));
        assert_eq!(error.code, format!("ERR_WARMPATH_{code}"), "{error:?}");
        outcome
    }

    /// Runs a job, which must succeed after so many tries; its value as JSON.
    pub async fn succeeds(&self, job: CampaignJob, attempts: u32) -> Value {
        let outcome = self.run(job).await;
        assert_eq!(outcome.status, Status::Succeeded, "{:?}", outcome.error);
        assert_eq!(outcome.attempts, attempts);
        serde_json::to_value(outcome.value.unwrap()).unwrap()
    }

    pub fn parts(&self) -> Vec<PartEvent> {
        self.events.take(1000)
    }

    /// The next events; waits for the first.
    pub async fn next_parts(&self) -> Vec<PartEvent> {
        let events = async {
            loop {
                let events = self.parts();
                if !events.is_empty() {
                    return events;
                }
                self.told.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), events).await.expect("no part was delivered")
    }
}
