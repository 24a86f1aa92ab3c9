using AiChat.Endpoints.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Nodes;

/// <summary>How servers on one database know each other.</summary>
public sealed class NodeSignerTests
{
    private const string Path = "/internal/nodes/answers/7/9?after=3";

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task A_signature_holds_for_one_request_for_half_a_minute_and_once()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var server = await TestServer.StartAsync(new TestServerOptions { Clock = clock });
        await using var other = await TestServer.StartAsync();
        var signer = server.Services.GetRequiredService<NodeSigner>();
        string Sign() => signer.Sign("GET", Path, 7);
        bool Takes(string? header, string method = "GET", string path = Path, long user = 7) => signer.Takes(header, method, path, user);

        var header = Sign();
        Assert.True(Takes(header));
        Assert.False(Takes(header)); // a second time
        Assert.False(Takes(Sign(), method: "POST"));
        Assert.False(Takes(Sign(), path: "/internal/nodes/answers/7/10?after=3"));
        Assert.False(Takes(Sign(), path: "/internal/nodes/answers/7/9?after=0"));
        Assert.False(Takes(Sign(), user: 8));
        Assert.False(Takes(other.Services.GetRequiredService<NodeSigner>().Sign("GET", Path, 7))); // another master key

        var parts = Sign().Split('.');
        Assert.False(Takes($"{long.Parse(parts[0]) + 1}.{parts[1]}.{parts[2]}"));
        Assert.False(Takes($"{parts[0]}.{new string('0', 32)}.{parts[2]}"));
        foreach (var wrong in new[] { null, "", ".", "..", $"{parts[0]}.{parts[1]}.", $"{parts[0]}.{parts[1]}.é", new string('1', 10_000) })
        {
            Assert.False(Takes(wrong));
        }

        var (old, fresh) = (Sign(), Sign());
        clock.Advance(TimeSpan.FromSeconds(29));
        Assert.True(Takes(fresh));
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False(Takes(old));
        var early = Sign();
        clock.AdjustTime(clock.GetUtcNow() - TimeSpan.FromSeconds(31)); // of a machine whose clock is ahead
        Assert.False(Takes(early));
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task An_answer_belongs_to_its_question()
    {
        await using var server = await TestServer.StartAsync();
        var signer = server.Services.GetRequiredService<NodeSigner>();
        var (mine, another) = (signer.Sign("GET", "/boot", 0), signer.Sign("GET", "/boot", 0));
        var answer = signer.Answer(mine, "boot");

        Assert.True(signer.IsAnswer(mine, "boot", answer));
        Assert.False(signer.IsAnswer(another, "boot", answer));
        Assert.False(signer.IsAnswer(mine, "other", answer));
    }
}
