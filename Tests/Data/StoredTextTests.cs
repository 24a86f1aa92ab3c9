using AiChat.Data.Engine;

namespace AiChat.Tests.Data;

public sealed class StoredTextTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("plain äöü 人工 😀", "plain äöü 人工 😀")]
    [InlineData("\0", "\uFFFD")]
    [InlineData("a\0\0b", "a\uFFFD\uFFFDb")]
    public void What_cannot_be_kept_is_replaced_one_for_one(string text, string kept) => Assert.Equal(kept, StoredText.Of(text));

    /// <summary>Halves cannot stand in an attribute.</summary>
    [Fact]
    public void Halves_of_pairs_are_replaced_and_pairs_stay()
    {
        Assert.Equal("\uFFFDa", StoredText.Of("\uD83Da"));
        Assert.Equal("a\uFFFD", StoredText.Of("a\uD83D"));
        Assert.Equal("\uFFFD😀\uFFFD", StoredText.Of("\uDE00😀\uD83D"));
        Assert.Equal("\uFFFD😀", StoredText.Of("\uD83D\uD83D\uDE00"));
    }

    [Fact]
    public void A_text_that_can_be_kept_is_not_copied()
    {
        var text = new string('x', 1_000) + "😀";
        Assert.Same(text, StoredText.Of(text));
    }
}
