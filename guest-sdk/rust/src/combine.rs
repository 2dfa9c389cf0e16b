//! Branches side by side: waiting for all of them, or for the first.
//!
//! Any combinator works in a workflow, those of the `futures` crate included; these are the ones that one needs most, without a
//! further crate. They poll their branches in the order in which they are given.

use std::collections::VecDeque;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Awaits several futures at once and gives all their outputs, as a tuple.
///
/// ```no_run
/// # use abide_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// let (stock, price) = join!(
///     ctx.step("stock").run(async { Ok(3) }),
///     ctx.step("price").run(async { Ok(499) }),
/// );
/// let worth = stock? * price?;
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! join {
    ($($future:expr),+ $(,)?) => {
        $crate::__private::JoinTuple::join(($($future,)+)).await
    };
}

/// Awaits several futures of results at once. Gives all their values as a tuple, or the first error, as soon as there is
/// one; the other branches are then given up.
///
/// ```no_run
/// # use abide_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// let (stock, price) = try_join!(
///     ctx.step("stock").run(async { Ok(3) }),
///     ctx.step("price").run(async { Ok(499) }),
/// )?;
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! try_join {
    ($($future:expr),+ $(,)?) => {
        $crate::__private::TryJoinTuple::try_join(($($future,)+)).await
    };
}

/// A branch of a tuple: its future until it ends, then its output.
struct Branch<F: Future> {
    future: Option<Pin<Box<F>>>,
    output: Option<F::Output>,
}

impl<F: Future> Branch<F> {
    fn new(future: impl IntoFuture<IntoFuture = F>) -> Self {
        Self {
            future: Some(Box::pin(future.into_future())),
            output: None,
        }
    }

    /// Goes on, and says whether it has ended.
    fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(future) = &mut self.future
            && let Poll::Ready(output) = future.as_mut().poll(cx)
        {
            self.output = Some(output);
            self.future = None;
        }
        self.future.is_none()
    }

    fn into_output(self) -> F::Output {
        self.output.expect("the branch has ended")
    }
}

/// What [`join!`](crate::join) calls.
#[doc(hidden)]
pub trait JoinTuple {
    type Output;
    fn join(self) -> impl Future<Output = Self::Output>;
}

/// What [`try_join!`](crate::try_join) calls.
#[doc(hidden)]
pub trait TryJoinTuple {
    type Output;
    fn try_join(self) -> impl Future<Output = Self::Output>;
}

macro_rules! tuples {
    ($(($($name:ident $value:ident $ok:ident),+);)+) => {$(
        impl<$($name: IntoFuture),+> JoinTuple for ($($name,)+) {
            type Output = ($($name::Output,)+);

            async fn join(self) -> Self::Output {
                let ($($value,)+) = self;
                $(let mut $value = Branch::new($value);)+
                poll_fn(|cx| {
                    let mut ended = true;
                    $(ended &= $value.advance(cx);)+
                    if ended { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                ($($value.into_output(),)+)
            }
        }

        impl<Error, $($name, $ok),+> TryJoinTuple for ($($name,)+)
        where
            $($name: IntoFuture<Output = Result<$ok, Error>>),+
        {
            type Output = Result<($($ok,)+), Error>;

            async fn try_join(self) -> Self::Output {
                let ($($value,)+) = self;
                $(let mut $value = Branch::new($value);)+
                poll_fn(|cx| {
                    let mut ended = true;
                    $(
                        ended &= $value.advance(cx);
                        if let Some(Err(_)) = &$value.output {
                            return Poll::Ready(());
                        }
                    )+
                    if ended { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                // What is unfinished is given up in the order in which it was given.
                $($value.future = None;)+
                // The first error is returned before the output of an unfinished branch is asked for.
                $(if let Some(Err(error)) = $value.output.take_if(|output| output.is_err()) {
                    return Err(error);
                })+
                Ok(($($value.into_output()?,)+))
            }
        }
    )+};
}

tuples! {
    (A a Oa);
    (A a Oa, B b Ob);
    (A a Oa, B b Ob, C c Oc);
    (A a Oa, B b Ob, C c Oc, D d Od);
    (A a Oa, B b Ob, C c Oc, D d Od, E e Oe);
    (A a Oa, B b Ob, C c Oc, D d Od, E e Oe, F f Of);
    (A a Oa, B b Ob, C c Oc, D d Od, E e Oe, F f Of, G g Og);
    (A a Oa, B b Ob, C c Oc, D d Od, E e Oe, F f Of, G g Og, H h Oh);
}

/// Awaits any number of futures at once; gives their outputs in the order in which the futures were given.
///
/// ```no_run
/// # use abide_sdk::prelude::*;
/// # async fn example(ctx: Context, skus: Vec<String>) -> Result<()> {
/// let checks = skus.iter().map(|sku| ctx.step(format!("stock-{sku}")).run(async { Ok(true) }));
/// let in_stock: Vec<bool> = join_all(checks).await.into_iter().collect::<Result<_, _>>()?;
/// # Ok(())
/// # }
/// ```
pub async fn join_all<I>(futures: I) -> Vec<<I::Item as IntoFuture>::Output>
where
    I: IntoIterator<Item: IntoFuture>,
{
    let mut group = Group::new(futures);
    let mut outputs: Vec<_> = group.branches.iter().map(|_| None).collect();
    while let Some((index, output)) = poll_fn(|cx| group.poll_next(cx)).await {
        outputs[index] = Some(output);
    }
    outputs.into_iter().flatten().collect()
}

/// Awaits any number of futures of results at once; gives their values in the order in which the futures were given, or the
/// first error, as soon as there is one. The other branches are then given up.
pub async fn try_join_all<I, T, E>(futures: I) -> Result<Vec<T>, E>
where
    I: IntoIterator<Item: IntoFuture<Output = Result<T, E>>>,
{
    let mut group = Group::new(futures);
    let mut values: Vec<_> = group.branches.iter().map(|_| None).collect();
    while let Some((index, output)) = poll_fn(|cx| group.poll_next(cx)).await {
        values[index] = Some(output?);
    }
    Ok(values.into_iter().flatten().collect())
}

/// Gives the output of the future that ends first; the others are given up, and what they started is withdrawn.
///
/// ```no_run
/// # use abide_sdk::prelude::*;
/// # async fn quote(from: &'static str) -> Result<u64> { Ok(1) }
/// # async fn example(ctx: Context) -> Result<()> {
/// let price = race([
///     ctx.step("quote-north").run(quote("north")),
///     ctx.step("quote-south").run(quote("south")),
/// ])
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// Panics if there is no future at all: the race would never end. For futures of different types see [`select`].
pub async fn race<I>(futures: I) -> <I::Item as IntoFuture>::Output
where
    I: IntoIterator<Item: IntoFuture>,
{
    let mut group = Group::new(futures);
    match poll_fn(|cx| group.poll_next(cx)).await {
        Some((_, output)) => output,
        None => panic!("a race needs at least one branch"),
    }
}

/// Which of two futures ended first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first one given.
    First(A),
    /// The second one given.
    Second(B),
}

/// Gives the output of the one of two futures that ends first; the other is given up, and what it started is withdrawn.
///
/// ```no_run
/// # use abide_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// let review = ctx.wait_for_event::<Value>("review").event("draft/reviewed").matching("data.draft_id").timeout("30 days");
/// match select(review, ctx.sleep("patience", "2 days")).await {
///     Either::First(review) => log::info!("reviewed: {}", review?.is_some()),
///     Either::Second(_) => log::info!("publishing without a review"),
/// }
/// # Ok(())
/// # }
/// ```
pub async fn select<A: IntoFuture, B: IntoFuture>(
    first: A,
    second: B,
) -> Either<A::Output, B::Output> {
    let (mut first, mut second) = (Branch::new(first), Branch::new(second));
    poll_fn(|cx| {
        if first.advance(cx) || second.advance(cx) {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
    match first.output {
        Some(output) => Either::First(output),
        None => Either::Second(second.into_output()),
    }
}

/// Any number of branches of one type. Only those that were woken are polled, so that a thousand branches cost no more each than ten do.
struct Group<F> {
    branches: Vec<Option<Pin<Box<F>>>>,
    unfinished: usize,
    woken: Arc<Mutex<Woken>>,
}

struct Woken {
    branches: VecDeque<usize>,
    group: Waker,
}

struct BranchWaker {
    index: usize,
    woken: Arc<Mutex<Woken>>,
}

impl Wake for BranchWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        woken.branches.push_back(self.index);
        let group = woken.group.clone();
        drop(woken);
        group.wake();
    }
}

impl<F: Future> Group<F> {
    fn new(futures: impl IntoIterator<Item: IntoFuture<IntoFuture = F>>) -> Self {
        let branches: Vec<_> = futures
            .into_iter()
            .map(|future| Some(Box::pin(future.into_future())))
            .collect();
        let woken = Woken {
            branches: (0..branches.len()).collect(),
            group: Waker::noop().clone(),
        };
        Self {
            unfinished: branches.len(),
            branches,
            woken: Arc::new(Mutex::new(woken)),
        }
    }

    /// The next branch that has ended, with its output; `None` when all have.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, F::Output)>> {
        if self.unfinished == 0 {
            return Poll::Ready(None);
        }
        loop {
            let index = {
                let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
                woken.group.clone_from(cx.waker());
                match woken.branches.pop_front() {
                    Some(index) => index,
                    None => return Poll::Pending,
                }
            };
            let Some(branch) = &mut self.branches[index] else {
                continue;
            };
            let waker = Waker::from(Arc::new(BranchWaker {
                index,
                woken: Arc::clone(&self.woken),
            }));
            if let Poll::Ready(output) = branch.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.branches[index] = None;
                self.unfinished -= 1;
                return Poll::Ready(Some((index, output)));
            }
        }
    }
}
