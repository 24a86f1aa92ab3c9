using AiChat.Endpoints.Http;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Http;

/// <summary>Who waits for a slot, how long, and in which order.</summary>
public sealed class FairSlotsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public async Task A_crowd_of_one_address_delays_another_by_one_place()
    {
        var slots = new FairSlots(1, 100, 100, Patience, _clock);
        Assert.True(await slots.Enter("flood", default));
        var flood = Enumerable.Range(0, 50).Select(_ => slots.Enter("flood", default)).ToList();
        var other = slots.Enter("other", default);
        slots.Leave();
        Assert.True(await flood[0]);
        Assert.False(other.IsCompleted);
        slots.Leave();
        Assert.True(await other);
        for (var at = 1; at < flood.Count; at++)
        {
            slots.Leave();
            Assert.True(await flood[at]);
        }
    }

    [Fact]
    public async Task The_wait_ends_after_ten_seconds_and_leaves_no_gap()
    {
        var slots = new FairSlots(1, 100, 100, Patience, _clock);
        Assert.True(await slots.Enter("a", default));
        var early = slots.Enter("b", default);
        _clock.Advance(TimeSpan.FromSeconds(6));
        var late = slots.Enter("c", default);
        _clock.Advance(TimeSpan.FromSeconds(5));
        Assert.False(await early);
        Assert.False(late.IsCompleted);
        slots.Leave();
        Assert.True(await late);
        slots.Leave();
        Assert.True(await slots.Enter("d", default));
        Assert.False(slots.Crowded);
    }

    [Fact]
    public async Task Who_gives_up_takes_nobodys_place()
    {
        var slots = new FairSlots(1, 100, 100, Patience, _clock);
        Assert.True(await slots.Enter("a", default));
        using var tab = new CancellationTokenSource();
        var gone = slots.Enter("b", tab.Token);
        var stays = slots.Enter("b", default);
        await tab.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        slots.Leave();
        Assert.True(await stays);
    }

    [Fact]
    public async Task Only_so_many_wait_in_all_and_by_one_address()
    {
        var slots = new FairSlots(2, 6, 3, Patience, _clock);
        Assert.True(await slots.Enter("a", default));
        Assert.True(await slots.Enter("a", default));
        var waiting = new[] { slots.Enter("a", default), slots.Enter("a", default), slots.Enter("a", default) };
        Assert.False(await slots.Enter("a", default));
        var others = new[] { slots.Enter("b", default), slots.Enter("c", default), slots.Enter("d", default) };
        Assert.False(await slots.Enter("e", default));
        foreach (var _ in waiting.Concat(others))
        {
            slots.Leave();
        }

        Assert.All(await Task.WhenAll(waiting.Concat(others)), Assert.True);
    }

    [Fact]
    public async Task Never_more_are_in_than_there_are_slots()
    {
        var slots = new FairSlots(3, 10_000, 10_000, Patience, TimeProvider.System);
        var (inside, max) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 500).Select(async n =>
        {
            Assert.True(await slots.Enter($"{n % 7}", default));
            max = Math.Max(max, Interlocked.Increment(ref inside));
            await Task.Yield();
            Interlocked.Decrement(ref inside);
            slots.Leave();
        }));
        Assert.InRange(max, 1, 3);
    }
}
