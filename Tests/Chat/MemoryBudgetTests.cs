using System.Net;
using AiChat.Endpoints.Calls;
using AiChat.Providers.Transport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Chat;

public sealed class MemoryBudgetTests
{
    private const long Limit = 100L << 20; // answers begin up to 60 MiB and grow up to 70

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task Without_room_new_answers_are_refused_and_the_running_one_ends_well()
    {
        var go = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "first ");
            await go.Task;
            await OpenAiScript.Piece(exchange, "last");
            await OpenAiScript.Finish(exchange, 2);
        });
        var used = 10L << 20;
        var memory = new MemoryBudget(_ => Interlocked.Read(ref used), Limit, TimeProvider.System);
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Configure = builder => builder.Services.Replace(ServiceDescriptor.Singleton(memory)),
        });
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await using var stream = await admin.Ask(await admin.NewSession(connection), "go");
        var transcript = new Transcript();
        await foreach (var next in stream.Events())
        {
            transcript.Take(next);
            if (transcript.Content == "first ")
            {
                Interlocked.Exchange(ref used, 70L << 20); // full, together with what the running answer may still need
                var body = new { sessionId = await admin.NewSession(connection), content = "more", clientMessageId = ChatSteps.NewId() };
                var refused = await admin.PostJson("/api/chat/stream", body);
                await refused.ExpectProblem(HttpStatusCode.ServiceUnavailable, "overloaded");
                Assert.NotNull(refused.Headers.RetryAfter);
                go.TrySetResult();
            }
        }

        Assert.Equal("first last", transcript.Content);
        Assert.Single(upstream.Chats());
    }

    [Fact]
    public async Task Long_lines_take_turns_and_one_that_waits_too_long_is_refused()
    {
        var clock = new FakeTimeProvider();
        var memory = new MemoryBudget(_ => 0, 2 * Limit, clock);
        var one = await memory.TakeLine(false, default);
        var two = await memory.TakeLine(false, default);
        var third = memory.TakeLine(false, default).AsTask();
        Assert.True(one is not null && two is not null && !third.IsCompleted);

        one.Dispose();
        one.Dispose(); // once
        var three = await third.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.NotNull(three);
        var refused = memory.TakeLine(false, default).AsTask();
        Assert.False(refused.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Null(await refused.WaitAsync(TimeSpan.FromSeconds(20)));

        two.Dispose();
        three.Dispose();
        Assert.Equal(Pieces(140L << 20), Enumerable.Range(0, 10_000).Count(_ => memory.TryGrow())); // all of it came back
        using var gone = new CancellationTokenSource();
        var waits = memory.TakeLine(false, gone.Token).AsTask();
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waits);
    }

    /// <summary>A longer line takes more beside what it has; when all wait for more, the last one ends and the others go on.</summary>
    [Fact]
    public async Task The_longest_lines_never_wait_for_one_another()
    {
        var memory = new MemoryBudget(_ => 0, 2 * Limit, TimeProvider.System); // 140 MiB: two lines of 48, and 44 left
        var one = await memory.TakeLine(false, default);
        var two = await memory.TakeLine(false, default);
        var more = await memory.TakeLine(true, default);
        Assert.NotNull(more);
        var waits = memory.TakeLine(true, default).AsTask();
        var begins = memory.TakeLine(false, default).AsTask();
        Assert.False(waits.IsCompleted || begins.IsCompleted);
        Assert.Null(await memory.TakeLine(true, default)); // the other line already waits

        more.Dispose();
        one!.Dispose();
        using var got = await waits.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.NotNull(got);
        two!.Dispose();
        (await begins.WaitAsync(TimeSpan.FromSeconds(20)))!.Dispose();
        got.Dispose();
        Assert.Equal(Pieces(140L << 20), Enumerable.Range(0, 10_000).Count(_ => memory.TryGrow()));
    }

    /// <summary>Lines that begin together leave room for one to be the longest, so that all are read, one after the other.</summary>
    [Theory]
    [InlineData(40)]
    [InlineData(192)]
    [InlineData(384)]
    public async Task Of_lines_that_all_turn_out_longest_none_is_lost(int megabytes)
    {
        var memory = new MemoryBudget(_ => 0, (long)megabytes << 20, TimeProvider.System);
        var all = Enumerable.Range(0, 12).Select(_ => memory.TakeLine(false, default).AsTask()).ToList(); // most of them wait
        async Task<bool> Read(Task<IDisposable?> taken)
        {
            using var line = await taken;
            using var more = await memory.TakeLine(true, default);
            await Task.Yield();
            return line is not null && more is not null;
        }

        var read = await Task.WhenAll(all.Select(Read)).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.DoesNotContain(false, read);
        Assert.Equal(Pieces(((long)megabytes << 20) / 10 * 7), Enumerable.Range(0, 10_000).Count(_ => memory.TryGrow()));
    }

    /// <summary>Many answers whose lines are all as long as a line may be: each waits for its turn, and none is lost.</summary>
    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task Long_lines_of_many_answers_are_read_one_after_the_other()
    {
        var text = new string('x', 1_500_000);
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, text));
        var memory = new MemoryBudget(_ => 0, 40L << 20, TimeProvider.System); // for one line, or a few short answers
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Configure = builder => builder.Services.Replace(ServiceDescriptor.Singleton(memory)),
        });
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var sessions = new[] { await admin.NewSession(connection), await admin.NewSession(connection), await admin.NewSession(connection) };

        var answers = await Task.WhenAll(sessions.Select(session => admin.AskAndWait(session, "go")));

        Assert.Contains(answers, answer => answer.Text("content") == text);
        Assert.All(answers, answer => Assert.True(
            answer.Text("content") == text || answer.GetProperty("error").Text("code") == "provider_too_large", answer.ToString()));
        Assert.Equal(Pieces(28L << 20), Enumerable.Range(0, 10_000).Count(_ => memory.TryGrow()));
    }

    [Fact]
    public void A_crowd_is_counted_by_what_it_will_hold()
    {
        var memory = new MemoryBudget(_ => 20L << 20, Limit, TimeProvider.System);
        Assert.Equal(Pieces(50L << 20) + 1, Enumerable.Range(0, 10_000).Count(_ => memory.TryBegin()));
        memory.GiveBack(1);
        Assert.True(memory.TryBegin());
        Assert.False(memory.TryBegin());
    }

    [Fact]
    public async Task Answers_grow_together_to_their_part_of_the_limit_and_no_further()
    {
        var memory = new MemoryBudget(_ => 0, Limit, TimeProvider.System);
        Assert.True(memory.TryBegin());
        var first = new MemoryLease(memory);
        Assert.True(memory.TryBegin());
        await first.Add(MemoryBudget.Piece, CancellationToken.None); // the piece it began with
        for (var grown = 2; grown < Pieces(70L << 20); grown++)
        {
            await first.Add(MemoryBudget.Piece, CancellationToken.None);
        }

        Assert.Equal(
            ProviderFailure.TooLarge,
            (await Assert.ThrowsAsync<ProviderException>(async () => await first.Add(1, CancellationToken.None))).Failure);
        Assert.False(memory.TryGrow());
        first.Dispose();
        memory.GiveBack(1);
        Assert.Equal(Pieces(70L << 20), Enumerable.Range(0, 10_000).Count(_ => memory.TryGrow()));
    }

    [Fact]
    public async Task Of_a_crowd_that_grows_evenly_as_many_are_finished_as_there_is_room_for()
    {
        const int Needed = 8;
        var memory = new MemoryBudget(_ => 0, Limit, TimeProvider.System);
        var crowd = Enumerable.Range(0, Pieces(60L << 20)).Select(_ => memory.TryBegin()).ToList();
        Assert.DoesNotContain(false, crowd);
        var finished = await Task.WhenAll(crowd.Select(_ => Task.Run(async () =>
        {
            using var lease = new MemoryLease(memory);
            try
            {
                for (var has = 0; has < Needed; has++)
                {
                    await lease.Add(MemoryBudget.Piece, CancellationToken.None);
                    await Task.Yield();
                }

                return true;
            }
            catch (ProviderException)
            {
                return false;
            }
        })));
        Assert.InRange(finished.Count(isFinished => isFinished), crowd.Count / Needed, crowd.Count);
        Assert.True(memory.TryBegin());
    }

    [Fact]
    public async Task Who_waits_for_room_goes_before_new_answers_and_waits_no_longer_than_ten_seconds()
    {
        var clock = new FakeTimeProvider();
        var memory = new MemoryBudget(_ => 0, Limit, clock);
        var pieces = Enumerable.Range(0, 10_000).TakeWhile(_ => memory.TryGrow()).Count();
        Assert.False(await memory.Grow(CancellationToken.None)); // this answer ends
        var waits = memory.Grow(CancellationToken.None).AsTask();
        using var stop = new CancellationTokenSource();
        var stopped = memory.Grow(stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopped);

        Assert.False(waits.IsCompleted);
        memory.GiveBack(1, ended: true);
        Assert.True(await waits);

        Assert.False(await memory.Grow(CancellationToken.None));
        waits = memory.Grow(CancellationToken.None).AsTask();
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.False(await waits);
        memory.GiveBack(pieces, ended: true);
        Assert.True(memory.TryBegin());
    }

    [Fact]
    public async Task Starts_at_the_same_moment_do_not_pass_on_the_same_count()
    {
        var memory = new MemoryBudget(_ => 0, Limit, TimeProvider.System);
        var begun = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 400; i++)
            {
                Interlocked.Add(ref begun, memory.TryBegin() ? 1 : 0);
            }
        })));
        Assert.InRange(begun, 1, Pieces(60L << 20) + 1);
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task An_answer_that_there_is_no_memory_for_ends_with_what_it_has_and_the_others_go_on()
    {
        const long limit = 5L << 20;
        var piece = new string('x', 8 * 1024);
        var go = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            if (exchange.Request.Text.Contains("short", StringComparison.Ordinal))
            {
                await OpenAiScript.Piece(exchange, "before ");
                await go.Task;
                await OpenAiScript.Piece(exchange, "after");
            }
            else
            {
                for (var sent = 0; sent < 1024 * 1024; sent += piece.Length)
                {
                    await OpenAiScript.Piece(exchange, piece);
                }
            }

            await OpenAiScript.Finish(exchange, 2);
        });
        var memory = new MemoryBudget(_ => 0, limit, TimeProvider.System);
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Configure = builder => builder.Services.Replace(ServiceDescriptor.Singleton(memory)),
        });
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await using var other = await admin.Ask(await admin.NewSession(connection), "short");
        await other.ReadUntilAsync(e => e.Event == "delta");
        var session = await admin.NewSession(connection);

        await using var stream = await admin.Ask(session, "long");
        var seen = new Transcript();
        await seen.ReadAll(stream);
        var answer = (await admin.Messages(session))[^1];

        Assert.Equal("failed", seen.Done!.Json.Text("status"));
        Assert.Equal(("failed", "provider_too_large"), (answer.Text("status"), answer.GetProperty("error").Text("code")));
        Assert.Contains("memory", answer.GetProperty("error").Text("detail"));
        Assert.InRange(seen.Content.Length, Pieces(limit / 2) * MemoryBudget.Piece, Pieces(limit) * MemoryBudget.Piece);
        Assert.Equal(seen.Content, answer.Text("content"));

        // To continue it would need the same memory again.
        await using (var more = await admin.PostStream(
            "/api/chat/continue", new { messageId = answer.Id(), clientMessageId = ChatSteps.NewId() }))
        {
            Assert.Equal("failed", (await more.ReadAllAsync())[^1].Json.Text("status"));
        }

        Assert.Equal(seen.Content, (await admin.Messages(session))[^1].Text("content"));
        go.SetResult();
        Assert.Equal("done", (await other.ReadAllAsync())[^1].Json.Text("status"));

        // Their memory is free again.
        Assert.Equal(Pieces(limit / 10 * 7), Enumerable.Range(0, 10_000).Count(_ => memory.TryGrow()));
    }

    [Fact]
    public void Garbage_refuses_nobody_and_is_not_collected_for_everybody()
    {
        var clock = new FakeTimeProvider();
        var (live, garbage, collections, length) = (10L << 20, 80L << 20, 0, TimeSpan.Zero);
        var memory = new MemoryBudget(
            collect =>
            {
                if (collect)
                {
                    (collections, garbage) = (collections + 1, 0);
                    clock.Advance(length);
                }

                return live + garbage;
            },
            Limit,
            clock);
        Assert.True(TryOne(memory));
        Assert.Equal(1, collections);

        garbage = 80L << 20;
        Assert.False(TryOne(memory));
        Assert.Equal(1, collections);
        clock.Advance(TimeSpan.FromSeconds(0.1)); // it took no time, so the next one may follow soon
        length = TimeSpan.FromSeconds(0.05);
        Assert.True(TryOne(memory));
        Assert.Equal(2, collections);

        garbage = 80L << 20;
        clock.Advance(TimeSpan.FromSeconds(0.9));
        Assert.False(TryOne(memory));
        clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(TryOne(memory));
        Assert.Equal(3, collections);

        live = 80L << 20;
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False(TryOne(memory));
    }

    /// <summary>In a container of 512 MiB, of which the runtime takes three quarters, with what each answer itself takes.</summary>
    [Fact]
    public void Two_thousand_answers_have_room_in_512_MiB()
    {
        var begun = 0;
        var memory = new MemoryBudget(_ => (30L << 20) + (begun * (30L << 10)), 384L << 20, TimeProvider.System);
        while (begun < 10_000 && memory.TryBegin())
        {
            begun++;
        }

        Assert.InRange(begun, 2_000, 9_999);
        Assert.InRange(memory.MaxAnswers, 2_000, 9_999);
        Assert.All(Enumerable.Range(0, 500), _ => Assert.True(memory.TryGrow())); // those that turn out long
    }

    [Fact]
    public void This_process_has_room_for_a_few()
    {
        var memory = MemoryBudget.OfProcess(TimeProvider.System);
        Assert.All(Enumerable.Range(0, 50), _ => Assert.True(memory.TryBegin()));
    }

    /// <summary>How many pieces fit into a number of bytes.</summary>
    private static int Pieces(long bytes) => (int)(bytes / (6 * MemoryBudget.Piece));

    private static bool TryOne(MemoryBudget memory)
    {
        var begun = memory.TryBegin();
        memory.GiveBack(begun ? 1 : 0);
        return begun;
    }
}
