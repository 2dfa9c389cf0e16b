//! A model that answers by rules, so that examples and tests of AI work without one: the form is `OpenAI`'s chat completion.

use serde::Deserialize;
use serde_json::json;
use sha1::{Digest, Sha1};

use super::message::Answer;

#[derive(Deserialize)]
struct Chat {
    model: String,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: String,
}

/// `POST /v1/chat/completions`: the same question has the same answer.
pub(super) fn complete(body: &[u8]) -> Result<Answer, Answer> {
    let chat: Chat = serde_json::from_slice(body)
        .map_err(|error| Answer::bad_request(format!("The body is wrong: {error}.")))?;
    let [.., asked] = chat.messages.as_slice() else {
        return Err(Answer::bad_request("There is no message."));
    };
    let instructions = chat
        .messages
        .iter()
        .filter(|message| message.role == "system")
        .map(|message| message.content.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    let said = say(&instructions, &asked.content);
    let (prompt, completion) = (words(&chat.messages), said.split_whitespace().count());
    let mut id = format!("{:x}", Sha1::digest(body));
    id.truncate(12);
    Ok(Answer::new(
        200,
        &json!({
            "id": format!("chatcmpl_{id}"),
            "object": "chat.completion",
            "model": chat.model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
        }),
    ))
}

fn words(messages: &[Message]) -> usize {
    let count = |message: &Message| message.content.split_whitespace().count();
    messages.iter().map(count).sum()
}

/// What the instructions ask for, of the text.
fn say(instructions: &str, text: &str) -> String {
    if let Some(choices) = after(instructions, "one of: ") {
        let choices: Vec<&str> = choices
            .split(['.', '\n'])
            .next()
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .collect();
        let text = text.to_lowercase();
        let named = choices
            .iter()
            .find(|choice| text.contains(&choice.to_lowercase()));
        return (*named.or(choices.last()).unwrap_or(&"")).to_owned();
    }
    let all: Vec<&str> = text.split_whitespace().collect();
    let most =
        after(instructions, "at most ").and_then(|rest| rest.split(' ').next()?.parse().ok());
    match most {
        Some(most) if all.len() > most => format!("{}…", all[..most].join(" ")),
        Some(_) => all.join(" "),
        None => format!("I have read {} words.", all.len()),
    }
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(system: &str, user: &str) -> String {
        let body = json!({"model": "m", "messages": [
            {"role": "system", "content": system}, {"role": "user", "content": user}]});
        let answer = complete(body.to_string().as_bytes()).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn it_does_what_the_instructions_ask_for() {
        let choose = "Answer with one of: praise, complaint, question.";
        assert_eq!(ask(choose, "A COMPLAINT: it broke"), "complaint");
        assert_eq!(ask(choose, "Where is it?"), "question");
        assert_eq!(ask("Summarise in at most 3 words.", "a b c d e"), "a b c…");
        assert_eq!(ask("Summarise in at most 3 words.", "a b"), "a b");
        assert_eq!(ask("", "a b"), "I have read 2 words.");
    }

    #[test]
    fn what_is_no_chat_is_refused() {
        assert_eq!(complete(b"{}").unwrap_err().status, 400);
        let empty = br#"{"model":"m","messages":[]}"#;
        assert_eq!(complete(empty).unwrap_err().status, 400);
    }
}
