namespace AiChat.Providers.Demo;

/// <summary>The texts of the demo provider: an example of everything that an answer can hold.</summary>
internal static class DemoText
{
    public const string Thoughts = """
        The message came without any model behind me, so I cannot really answer it. What I can do is show how an answer looks:
        headings, a list, code, a table and a formula. I will quote the message first, so that it is clear that it arrived.
        """;

    public const string ChineseThoughts = "用户发来了一条消息，但我背后没有真正的模型。我先引用这条消息，再展示标题、列表、代码、表格和公式的样子。";

    public const string English = """
        ## Demo answer

        This is the **built-in demo provider**: no model, no key, no network. Your message was:

        > {quote}

        An administrator can connect a real provider under *Settings → Connections*. Until then, this is what answers look like.

        ### A list

        1. Answers stream and are stored **on the server**: close the tab and come back.
        2. Inline `code`, *emphasis*, ~~strike~~ and [links](https://example.com/) work.
        3. So do nested lists:
           - one
           - two

        ### Code

        ```python
        def fibonacci(n: int) -> int:
            a, b = 0, 1
            for _ in range(n):
                a, b = b, a + b
            return a

        print([fibonacci(n) for n in range(10)])
        ```

        ### A table

        | Language | Typing  | Year |
        |----------|---------|-----:|
        | C#       | static  | 2000 |
        | Python   | dynamic | 1991 |
        | Svelte   | –       | 2016 |

        ### A formula

        Inline $e^{i\pi} + 1 = 0$, and on its own line:

        $$
        \int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}
        $$

        That is all there is.
        """;

    public const string Chinese = """
        ## 演示回答

        这里是**内置的演示服务**：没有模型，不需要密钥，也不访问网络。你的消息是：

        > {quote}

        管理员可以在“设置 → 连接”里接入真正的模型服务。在那之前，回答看起来就是这样。

        ### 列表

        1. 回答在**服务器上**生成并保存：关掉页面再回来也不会丢。
        2. 支持行内 `代码`、*强调* 和[链接](https://example.com/)。
        3. 也支持嵌套列表：
           - 一
           - 二

        ### 代码

        ```python
        def fibonacci(n: int) -> int:
            a, b = 0, 1
            for _ in range(n):
                a, b = b, a + b
            return a
        ```

        ### 表格

        | 语言   | 类型 | 年份 |
        |--------|------|-----:|
        | C#     | 静态 | 2000 |
        | Python | 动态 | 1991 |

        ### 公式

        行内公式 $e^{i\pi} + 1 = 0$，以及独立的一行：

        $$
        \int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}
        $$

        演示到此结束。
        """;
}
