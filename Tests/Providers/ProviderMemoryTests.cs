using AiChat.Providers.Transport;
using AiChat.Tests.Api;

namespace AiChat.Tests.Providers;

/// <summary>
/// The memory that a hostile provider can cost. It is counted for the whole process, so no other test may run beside it.
/// </summary>
[Collection(nameof(Measured))]
public sealed class ProviderMemoryTests
{
    [Fact]
    public async Task Endless_line_is_given_up_early()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.EndlessLine);
        var before = GC.GetTotalAllocatedBytes();

        var (_, failure) = await ProviderFaultTests.StreamAsync(upstream.BaseUrl, TimeProvider.System);

        Assert.Equal(ProviderFailure.Protocol, failure?.Failure);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 3L * ProviderCall.MaxLine);
    }
}
