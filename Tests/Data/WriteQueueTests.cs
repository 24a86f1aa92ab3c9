using AiChat.Data;
using AiChat.Data.Engine;

namespace AiChat.Tests.Data;

/// <summary>What several threads get that take writes: those of one owner one behind the other, without keeping others waiting.</summary>
public sealed class WriteQueueTests : IDisposable
{
    private const int Max = 3;

    private readonly WriteQueue _queue = new(20, 1);
    private readonly Dictionary<WriteItem, string> _names = [];

    [Fact]
    public void Items_of_an_owner_wait_behind_the_one_that_is_at_work()
    {
        Add("a1", "a2", "b1", "x1", "x2");

        Assert.Equal("a1", Take());
        Assert.Equal("b1", Take()); // a2 waits behind a1
        Assert.Equal("x1", Take());
        Assert.Equal("x2", Take());
        Assert.Equal("", Take());
        Add("a3", "b2");
        Assert.Equal("", Take());
        Assert.Equal("a2 a3", Behind('a'));
        Assert.Equal("b2", Behind('b'));
        Assert.Equal("", Behind('a'));
        Add("a4");
        Assert.Equal("a4", Take());
        Assert.Equal("", Behind('a'));
        Assert.Equal("", Behind('b'));
        Assert.Equal("", Behind('x'));
    }

    [Fact]
    public void More_than_are_taken_at_once_come_next()
    {
        Add("a1");
        Assert.Equal("a1", Take());
        Add("a2", "a3", "a4", "a5");
        Assert.Equal("a2 a3 a4", Behind('a'));
        Assert.Equal("a5", Behind('a'));
    }

    [Fact]
    public void Others_who_wait_come_before_the_next_turn_of_an_owner()
    {
        Add("a1");
        Assert.Equal("a1", Take());
        Add("a2", "a3", "b1", "c1");

        Assert.Equal("", Behind('a'));
        Add("a4");
        Assert.Equal("b1", Take());
        Assert.Equal("c1", Take());
        Assert.Equal("a2 a3 a4", Take());
        Add("a5", "c2");
        Assert.Equal("c2", Behind('c'));
        Assert.Equal("a5", Behind('a'));
        Assert.Equal("", Behind('a'));
        Assert.Equal("", Take());
    }

    [Fact]
    public async Task What_waits_behind_counts_and_fails_when_it_takes_too_long()
    {
        Add([.. Enumerable.Range(0, 20).Select(i => $"a{i}")]);
        Assert.Equal("a0", Take());
        Assert.Equal("", Take());
        var one = Add("a20"); // as many as may wait: nineteen behind, one taken
        var late = Add("a21");

        Assert.Equal(StoreFailure.Busy, (await Assert.ThrowsAsync<StoreException>(() => late.Task)).Failure);
        Assert.Equal(StoreFailure.Busy, (await Assert.ThrowsAsync<StoreException>(() => one.Task)).Failure); // after its seconds
        Assert.All(Enumerable.Range(0, 6), _ => Assert.Equal(Max, Behind('a').Split(' ').Length));
    }

    public void Dispose()
    {
        _queue.Close();
        _queue.Dispose();
    }

    /// <summary>The first letter names the owner; x is nobody.</summary>
    private WriteItem<int> Add(params string[] names)
    {
        WriteItem<int>? last = null;
        foreach (var name in names)
        {
            last = new WriteItem<int>(_ => 0, WriteOrder.Ordinary, Owner(name[0]));
            _names[last] = name;
            _queue.Add(last);
        }

        return last!;
    }

    private string Take()
    {
        var items = new List<WriteItem>();
        _queue.TakeOne(items, Max);
        return Names(items);
    }

    private string Behind(char owner)
    {
        var items = new List<WriteItem>();
        _queue.TakeBehind(Owner(owner), items, Max);
        return Names(items);
    }

    private string Names(List<WriteItem> items) => string.Join(' ', items.Select(item => _names[item]));

    private static long? Owner(char letter) => letter == 'x' ? null : letter;
}
