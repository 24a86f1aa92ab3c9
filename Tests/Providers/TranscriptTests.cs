using System.Reflection;
using AiChat.Providers;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

public sealed class TranscriptTests
{
    // 24 seeds cover what single bytes do not: pieces that end between a line's end and the next line.
    private const int RandomSplits = 24;

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (var (vendor, name) in Transcript.All())
        {
            cases.Add(vendor, name);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Reply_means_the_same_whole_and_in_pieces(string vendor, string name)
    {
        var transcript = new Transcript(vendor, name);
        var whole = await transcript.ReplayAsync(() => int.MaxValue);
        if (Environment.GetEnvironmentVariable("UPDATE_TRANSCRIPTS") == "1")
        {
            Transcript.Update(vendor, name, whole, SourceRoot());
            return;
        }

        Assert.Equal(transcript.Expected, whole);
        Assert.Equal(whole, await transcript.ReplayAsync(() => 1));
        for (var seed = 0; seed < RandomSplits; seed++)
        {
            var random = new Random(seed);
            Assert.Equal(whole, await transcript.ReplayAsync(() => random.Next(1, 40)));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Reply_means_the_same_over_a_connection(string vendor, string name)
    {
        var transcript = new Transcript(vendor, name);
        var random = new Random(7);
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartAsync(200, transcript.MediaType);
            for (var at = 0; at < transcript.Bytes.Length;)
            {
                var size = Math.Min(random.Next(1, 300), transcript.Bytes.Length - at);
                await exchange.Send(transcript.Bytes.AsMemory(at, size));
                at += size;
            }
        });
        using var http = new ProviderHttp(TimeProvider.System);
        var provider = ProviderRegistry.Create(http).Get(vendor);

        var actual = await Transcript.WriteAsync(provider.StreamAsync(transcript.Request(upstream.BaseUrl), CancellationToken.None));

        Assert.Equal(transcript.Expected, actual);
    }

    private static string SourceRoot() => typeof(TranscriptTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "SourceRoot").Value!;
}
