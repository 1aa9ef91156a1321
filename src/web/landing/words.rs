//! What landing pages say besides the campaign's own words, in Chinese and English.

use crate::model::dialable::NotDialable;
use crate::web::problem::Language;

/// The words of one language.
pub(super) struct Words {
    /// As `lang` says it.
    pub(super) tag: &'static str,
    /// How the other language is called in itself, and its tag.
    pub(super) other: (&'static str, &'static str),
    pub(super) your_number: &'static str,
    pub(super) number_hint: &'static str,
    pub(super) send_code: &'static str,
    pub(super) code: &'static str,
    pub(super) code_hint: &'static str,
    pub(super) when: &'static str,
    pub(super) soon: &'static str,
    pub(super) today: &'static str,
    pub(super) tomorrow: &'static str,
    pub(super) register: &'static str,
    pub(super) opt_out: &'static str,
    pub(super) opt_out_hint: &'static str,
    pub(super) done_title: &'static str,
    pub(super) done: &'static str,
    pub(super) opted_out_title: &'static str,
    pub(super) opted_out: &'static str,
    pub(super) suppressed_title: &'static str,
    pub(super) suppressed: &'static str,
    pub(super) invited_only: &'static str,
    pub(super) over_title: &'static str,
    pub(super) over: &'static str,
    pub(super) unknown_title: &'static str,
    pub(super) unknown: &'static str,
    pub(super) agree_first: &'static str,
    pub(super) wrong_code: &'static str,
    pub(super) choose_again: &'static str,
    pub(super) send_again: &'static str,
    pub(super) other_site_title: &'static str,
    pub(super) other_site: &'static str,
    pub(super) too_often: &'static str,
    pub(super) too_large_title: &'static str,
    pub(super) too_large: &'static str,
    pub(super) unreadable_title: &'static str,
    pub(super) unreadable: &'static str,
    pub(super) trouble_title: &'static str,
    pub(super) trouble: &'static str,
    pub(super) number_missing: &'static str,
    pub(super) number_length: &'static str,
    pub(super) number_elsewhere: &'static str,
    pub(super) number_wrong: &'static str,
    /// The message with the code; `{code}` is where it goes.
    pub(super) code_message: &'static str,
}

impl Words {
    pub(super) fn of(language: Language) -> &'static Words {
        match language {
            Language::Chinese => &CHINESE,
            Language::English => &ENGLISH,
        }
    }

    /// Why a number is not taken.
    pub(super) fn fault(&self, fault: NotDialable) -> &'static str {
        match fault {
            NotDialable::Empty => self.number_missing,
            NotDialable::TooShort | NotDialable::TooLong | NotDialable::LocalOnly | NotDialable::NotInUse => {
                self.number_length
            }
            _ => self.number_wrong,
        }
    }
}

const ENGLISH: Words = Words {
    tag: "en",
    other: ("zh", "中文"),
    your_number: "Your number",
    number_hint: "We send a code by SMS to this number.",
    send_code: "Send me a code",
    code: "Code from the SMS",
    code_hint: "If a code can be sent to this number, it arrives within a minute. It holds for ten minutes.",
    when: "When shall we call?",
    soon: "As soon as possible",
    today: "Today",
    tomorrow: "Tomorrow",
    register: "Yes, call me",
    opt_out: "No more calls and messages",
    opt_out_hint: "You will get neither calls nor messages from us.",
    done_title: "Thank you",
    done: "We call you as you wished.",
    opted_out_title: "You are off our list",
    opted_out: "We call you no more and send you no more messages.",
    suppressed_title: "We will not call you",
    suppressed: "This number has opted out of our calls and messages, so we do not call it. If you want to be called after all, \
                 please phone us.",
    invited_only: "Only customers who were invited can register here. Please use the link in our message.",
    over_title: "This offer is over",
    over: "The link has expired, or the offer has ended. Nothing was recorded.",
    unknown_title: "There is nothing here",
    unknown: "Please check the address: every letter counts, capital or small.",
    agree_first: "Please tick that you agree, or else we may not call you.",
    wrong_code: "This is not the code, or it holds no more. Please check it, or go back and ask for another.",
    choose_again: "We cannot call at that time. Please choose another.",
    send_again: "This page was open for too long, or it has changed meanwhile. Please look at it and send it once more.",
    other_site_title: "This came from another site",
    other_site: "Please open our page and send the form from there. Nothing was recorded.",
    too_often: "That was a little too often. Please wait a minute and send it again.",
    too_large_title: "That is too much",
    too_large: "What was sent is far longer than this form. Nothing was recorded.",
    unreadable_title: "That cannot be read",
    unreadable: "What was sent is not this form. Nothing was recorded.",
    trouble_title: "Something is wrong on our side",
    trouble: "Nothing was recorded. Please try again in a few minutes.",
    number_missing: "Please type your number.",
    number_length: "No such number is in use: please check that no digit is missing or too many.",
    number_elsewhere: "We only call numbers of our own country.",
    number_wrong: "This is not a number that we can call. Please type a mobile or fixed number, such as 138 0013 8000.",
    code_message: "{code} is your code. It holds for 10 minutes. If you did not ask for it, ignore this message.",
};

const CHINESE: Words = Words {
    tag: "zh-CN",
    other: ("en", "English"),
    your_number: "您的号码",
    number_hint: "我们会给这个号码发送短信验证码。",
    send_code: "获取验证码",
    code: "短信验证码",
    code_hint: "如果可以给这个号码发送验证码，一分钟内会收到，十分钟内有效。",
    when: "什么时间方便接听？",
    soon: "越快越好",
    today: "今天",
    tomorrow: "明天",
    register: "同意，请给我打电话",
    opt_out: "不再接听电话和短信",
    opt_out_hint: "我们将不再给您打电话或发短信。",
    done_title: "登记成功",
    done: "我们会按您选的时间给您打电话。",
    opted_out_title: "已退订",
    opted_out: "我们不再给您打电话或发短信。",
    suppressed_title: "我们不会给您打电话",
    suppressed: "这个号码已退订我们的电话和短信，所以我们不会拨打。如果您仍希望接听，请给我们打电话。",
    invited_only: "这里只接受受邀客户登记，请使用我们短信中的链接。",
    over_title: "活动已结束",
    over: "链接已过期或活动已结束，没有登记任何信息。",
    unknown_title: "没有这个页面",
    unknown: "请核对网址，字母区分大小写。",
    agree_first: "请先勾选同意，否则我们不能给您打电话。",
    wrong_code: "验证码不正确或已失效，请核对，或返回重新获取。",
    choose_again: "这个时间不能拨打，请另选一个时间。",
    send_again: "页面打开时间过长或内容已更新，请查看后再提交一次。",
    other_site_title: "请求来自其他网站",
    other_site: "请打开我们的页面提交，没有登记任何信息。",
    too_often: "操作太频繁，请稍等一分钟再提交。",
    too_large_title: "内容过长",
    too_large: "提交的内容远超表单长度，没有登记任何信息。",
    unreadable_title: "无法识别",
    unreadable: "提交的内容不是本表单，没有登记任何信息。",
    trouble_title: "我们这边出了问题",
    trouble: "没有登记任何信息，请过几分钟再试。",
    number_missing: "请填写号码。",
    number_length: "没有这个号码，请检查是否少了或多了数字。",
    number_elsewhere: "我们只拨打本国号码。",
    number_wrong: "这个号码不能拨打，请填写手机或固定电话，例如 138 0013 8000。",
    code_message: "您的验证码是{code}，10分钟内有效。如非本人操作，请忽略本短信。",
};
