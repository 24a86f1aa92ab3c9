using AiChat.Endpoints.Http;

namespace AiChat.Tests.Http;

/// <summary>Pages of code are given back and return unharmed.</summary>
public sealed class CodePagesTests
{
    [Fact]
    public void Code_that_was_given_back_runs_on()
    {
        var before = typeof(CodePages).Assembly.GetTypes().Length;

        Assert.True(CodePages.Release() > 64 * 1024, "a running process has code");

        Assert.Equal(before, typeof(CodePages).Assembly.GetTypes().Length);
    }
}
