use std::sync::Mutex;

use super::*;

/// A server whose clients close sessions by themselves: the first `gone` that it
/// is told to end are not there any more.
struct Pool {
    gone: usize,
    asked: Mutex<Vec<u32>>,
}

#[async_trait]
impl Host for Pool {
    type Session = u32;
    const WORD: &'static str = "connections";

    async fn all(&self) -> Result<Vec<u32>, FaultError> {
        // Whoever was closed is replaced by a new one.
        let asked = u32::try_from(self.asked.lock().unwrap().len()).unwrap();
        Ok(vec![asked, asked + 1])
    }

    fn is_meant(&self, _: &u32) -> bool {
        true
    }

    fn candidate(&self) -> String {
        "connection".to_owned()
    }

    fn since(session: &u32) -> i128 {
        (*session).into()
    }

    fn is(a: &u32, b: &u32) -> bool {
        a == b
    }

    async fn end(&self, session: &u32) -> Result<bool, FaultError> {
        let mut asked = self.asked.lock().unwrap();
        asked.push(*session);
        Ok(asked.len() > self.gone)
    }
}

async fn struck(gone: usize) -> (Result<(), FaultError>, Severed<Pool>) {
    let pool = Pool { gone, asked: Mutex::default() };
    let mut severed = Severed::choose(pool, "oldest".parse().unwrap(), 7).await.unwrap();
    (severed.land().await, severed)
}

#[tokio::test]
async fn where_all_of_the_chosen_have_ended_others_are_chosen() {
    for gone in 0..CHOICES {
        let (landed, severed) = struck(gone).await;
        landed.unwrap();
        let hit = u32::try_from(gone).unwrap();
        assert_eq!(severed.victims, [hit], "the journal gets the one that was hit");
        assert_eq!(severed.host.asked.lock().unwrap().len(), gone + 1);
    }
}

#[tokio::test]
async fn a_server_on_which_nobody_can_be_hit_is_left_in_the_end() {
    let (landed, severed) = struck(usize::MAX).await;
    let why = landed.unwrap_err().to_string();
    assert!(why.contains("5 times in a row"), "{why}");
    assert_eq!(severed.host.asked.lock().unwrap().len(), CHOICES);
}
